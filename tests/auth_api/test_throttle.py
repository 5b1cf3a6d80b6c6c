"""Counting attempts together, whatever number of threads and replicas counts."""

import itertools

import pytest

from fanfold_auth.accounts.throttle import ACCOUNT, ACCOUNT_AND_ADDRESS, ADDRESS, PASSWORD, Attempt, Throttle
from fanfold_auth.refusals import Throttled
from fanfold_storage.records.protocol import Conflict, Records, Write
from tests.auth_api.service import Clock
from tests.waiting import at_once


@pytest.fixture
def throttle(empty_records: Records, clock: Clock) -> Throttle:
    return Throttle(empty_records, b"secret", clock)


numbers = itertools.count()


def attempt(
    throttle: Throttle, name: str = "bob", source: str = "192.0.2.1", password: str | None = None
) -> Attempt | float:
    """The attempt, with another password each time unless told otherwise; or for how long to wait."""
    try:
        return throttle.reserve(name, password or f"guess {next(numbers)}", source)
    except Throttled as refusal:
        assert refusal.retry_after is not None
        return refusal.retry_after


def test_the_wait_doubles_up_to_a_limit(throttle: Throttle, clock: Clock) -> None:
    waits = []
    for _ in range(ACCOUNT_AND_ADDRESS.free + 12):
        assert isinstance(attempt(throttle), Attempt)
        wait = attempt(throttle)
        if isinstance(wait, float):
            waits.append(round(wait))
            clock.forward(wait + 0.001)
            continue
        throttle.refund(wait)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == ACCOUNT_AND_ADDRESS.longest


def test_a_hundred_at_once_are_a_hundred(throttle: Throttle) -> None:
    allowed = [result for result in at_once(100, lambda i: attempt(throttle)) if isinstance(result, Attempt)]
    assert 1 <= len(allowed) <= ACCOUNT_AND_ADDRESS.free


def test_account_and_place_wait_together_only(throttle: Throttle) -> None:
    for _ in range(ACCOUNT_AND_ADDRESS.free):
        attempt(throttle)
    assert isinstance(attempt(throttle), float)
    assert isinstance(attempt(throttle, name="ada"), Attempt)
    assert isinstance(attempt(throttle, source="192.0.2.2"), Attempt)


def test_a_whole_ipv6_network_is_one_place(throttle: Throttle) -> None:
    for i in range(ACCOUNT_AND_ADDRESS.free):
        attempt(throttle, source=f"2001:db8:0:1::{i:x}")
    assert isinstance(attempt(throttle, source="2001:db8:0:1:ffff::1"), float)
    assert isinstance(attempt(throttle, source="2001:db8:0:2::1"), Attempt)


def test_a_success_gives_back_its_own_attempt_only(throttle: Throttle, clock: Clock) -> None:
    for _ in range(ACCOUNT_AND_ADDRESS.free - 1):
        attempt(throttle)
    success = attempt(throttle)
    assert isinstance(success, Attempt)
    throttle.refund(success)
    assert isinstance(attempt(throttle), Attempt)
    assert isinstance(attempt(throttle), float)


def test_refunds_at_once_lose_nothing(throttle: Throttle, empty_records: Records) -> None:
    attempts = [attempt(throttle) for _ in range(ACCOUNT_AND_ADDRESS.free - 1)]
    at_once(len(attempts), lambda i: throttle.refund(attempts[i]))  # type: ignore[arg-type]
    assert empty_records.scan("auth/attempts/").records == []


def test_what_attempts_were_for_is_written_with_their_refunds(throttle: Throttle, empty_records: Records) -> None:
    attempts = [throttle.reserve("bob", f"guess {i}", "192.0.2.1") for i in range(4)]
    at_once(len(attempts), lambda i: throttle.refund(attempts[i], [Write(f"begun/{i}", {})]))
    assert empty_records.scan("auth/attempts/").records == []
    assert len(empty_records.scan("begun/").records) == len(attempts)


def test_it_is_written_even_if_the_counters_never_hold_still(throttle: Throttle, empty_records: Records) -> None:
    success, transact = throttle.reserve("bob", "right", "192.0.2.1"), empty_records.transact

    def contended(expects, writes):
        return Conflict() if expects else transact(expects, writes)

    empty_records.transact = contended  # type: ignore[method-assign]
    throttle.refund(success, [Write("begun", {})])
    assert empty_records.get("begun")


def test_a_success_among_failures_gives_back_one(throttle: Throttle, empty_records: Records) -> None:
    attempts = [throttle.reserve("bob", f"guess {i}", "192.0.2.1") for i in range(3)]
    throttle.refund(attempts[0])
    here = empty_records.get(attempts[0].keys[0])
    assert here and here.value == {"failed": 2, "not_before": 0.0}
    throttle.refund(attempts[1])
    throttle.refund(attempts[2])
    throttle.refund(attempts[2])
    assert empty_records.scan("auth/attempts/").records == []


def test_attempts_are_forgotten_in_a_quarter_of_an_hour(throttle: Throttle, empty_records: Records) -> None:
    lives: list[float | None] = []
    transact = empty_records.transact

    def noting(expects, writes):
        lives.extend(write.expires_in for write in writes)
        return transact(expects, writes)

    empty_records.transact = noting  # type: ignore[method-assign]
    throttle.refund(throttle.reserve("bob", "guess", "192.0.2.1"))
    assert lives == [900.0] * 4 + [None] * 4 + [30 * 86400.0]


def test_one_password_on_many_accounts_waits_wherever_it_comes_from(throttle: Throttle, clock: Clock) -> None:
    for i in range(PASSWORD.free):
        assert isinstance(attempt(throttle, f"user{i}", f"198.51.100.{i}", "Summer2026!"), Attempt)
    assert attempt(throttle, "ada", "203.0.113.9", "Summer2026!") == 1.0
    assert isinstance(attempt(throttle, "ada", "203.0.113.9", "summer2026!"), Attempt)
    clock.forward(1.001)
    assert isinstance(attempt(throttle, "ada", "203.0.113.8", "Summer2026!"), Attempt)
    assert attempt(throttle, "eve", "203.0.113.7", "Summer2026!") == 2.0
    with pytest.raises(Throttled, match="If it is yours, ask an administrator to change it"):
        throttle.reserve("eve", "Summer2026!", "203.0.113.7")


def test_many_addresses_on_one_account_wait(throttle: Throttle) -> None:
    for i in range(ACCOUNT.free):
        assert isinstance(attempt(throttle, "bob", f"198.51.100.{i}"), Attempt)
    assert attempt(throttle, "bob", "203.0.113.9") == 1.0
    assert isinstance(attempt(throttle, "ada", "203.0.113.9"), Attempt)


def test_many_accounts_from_one_address_wait(throttle: Throttle) -> None:
    for i in range(ADDRESS.free):
        assert isinstance(attempt(throttle, f"user{i}"), Attempt)
    assert attempt(throttle, "bob") == 1.0
    assert isinstance(attempt(throttle, "bob", "203.0.113.9"), Attempt)


def test_guesses_of_others_lock_nobody_out_of_where_they_have_logged_in(throttle: Throttle, clock: Clock) -> None:
    throttle.refund(throttle.reserve("bob", "right", "192.0.2.1"))
    for i in range(2 * ACCOUNT.free):
        clock.forward(61)
        attempt(throttle, "bob", f"198.51.100.{i % 250}")
        attempt(throttle, f"user{i}", "192.0.2.1")
    assert isinstance(attempt(throttle, "bob", "192.0.2.2"), float)
    assert isinstance(attempt(throttle, "user", "192.0.2.1"), float)
    success = attempt(throttle, "bob", "192.0.2.1")
    assert isinstance(success, Attempt)
    throttle.refund(success)
    assert isinstance(attempt(throttle, "user", "192.0.2.1"), float), "a success elsewhere ends nobody's wait"


def test_nothing_of_a_password_is_stored_without_the_secret(throttle: Throttle, empty_records: Records) -> None:
    attempt(throttle, password="Summer2026!")
    other = Throttle(empty_records, b"another secret")
    keys = {record.key for record in empty_records.scan("auth/").records}
    assert len(keys) == 4
    attempt(other, password="Summer2026!")
    assert len({record.key for record in empty_records.scan("auth/").records}) == 5
