"""Counting attempts together, whatever number of threads and replicas counts."""

import pytest

from fanfold_auth.errors import Throttled
from fanfold_auth.throttle import FREE, LONGEST, Attempt, Throttle
from fanfold_storage.records.protocol import Records
from tests.auth_api.service import Clock
from tests.waiting import at_once


@pytest.fixture
def throttle(empty_records: Records, clock: Clock) -> Throttle:
    return Throttle(empty_records, clock)


def attempt(throttle: Throttle, name: str = "bob", source: str = "192.0.2.1") -> Attempt | float:
    """The attempt, or for how long to wait."""
    try:
        return throttle.reserve(name, source)
    except Throttled as refusal:
        assert refusal.retry_after is not None
        return refusal.retry_after


def test_the_wait_doubles_up_to_a_limit(throttle: Throttle, clock: Clock) -> None:
    waits = []
    for _ in range(FREE + 12):
        assert isinstance(attempt(throttle), Attempt)
        wait = attempt(throttle)
        if isinstance(wait, float):
            waits.append(round(wait))
            clock.forward(wait + 0.001)
            continue
        throttle.refund(wait)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST


def test_a_hundred_at_once_are_a_hundred(throttle: Throttle) -> None:
    allowed = [result for result in at_once(100, lambda i: attempt(throttle)) if isinstance(result, Attempt)]
    assert 1 <= len(allowed) <= FREE


def test_account_and_place_wait_together_only(throttle: Throttle) -> None:
    for _ in range(FREE):
        attempt(throttle)
    assert isinstance(attempt(throttle), float)
    assert isinstance(attempt(throttle, name="ada"), Attempt)
    assert isinstance(attempt(throttle, source="192.0.2.2"), Attempt)


def test_a_whole_ipv6_network_is_one_place(throttle: Throttle) -> None:
    for i in range(FREE):
        attempt(throttle, source=f"2001:db8:0:1::{i:x}")
    assert isinstance(attempt(throttle, source="2001:db8:0:1:ffff::1"), float)
    assert isinstance(attempt(throttle, source="2001:db8:0:2::1"), Attempt)


def test_a_success_gives_back_its_own_attempt_only(throttle: Throttle, clock: Clock) -> None:
    for _ in range(FREE - 1):
        attempt(throttle)
    success = attempt(throttle)
    assert isinstance(success, Attempt)
    throttle.refund(success)
    assert isinstance(attempt(throttle), Attempt)
    assert isinstance(attempt(throttle), float)


def test_refunds_at_once_lose_nothing(throttle: Throttle, empty_records: Records) -> None:
    attempts = [attempt(throttle) for _ in range(FREE - 1)]
    at_once(len(attempts), lambda i: throttle.refund(attempts[i]))  # type: ignore[arg-type]
    assert empty_records.scan("auth/attempts/").records == []
