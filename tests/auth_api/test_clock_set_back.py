"""The clock is set back by five minutes (STRIDE 37): nobody is locked out, and nothing that had ended begins again."""

from collections.abc import Sequence

import pytest

from fanfold_auth.accounts.users import ENDED, Users
from fanfold_storage.records.protocol import Conflict, Expect, Records, Write
from tests.auth_api.service import PASSWORD, Clock, Replica

BACK = -300.0


def test_logins_and_refreshes_go_on(replica: Replica, clock: Clock) -> None:
    before = replica.tokens("bob")
    clock.forward(BACK)
    assert replica.me(before["access_token"]).status_code == 401, "it isn't valid yet"
    renewed = replica.refresh(before["refresh_token"])
    assert renewed.status_code == 200
    assert replica.me(renewed.json()["access_token"]).status_code == 200
    assert replica.me(replica.tokens("bob")["access_token"]).status_code == 200


def test_a_replaced_refresh_token_is_not_taken_any_longer(replica: Replica, clock: Clock) -> None:
    first = replica.tokens("bob")["refresh_token"]
    second = replica.refresh(first).json()["refresh_token"]
    clock.forward(BACK)
    assert replica.refresh(first).status_code == 400
    assert replica.refresh(second).status_code == 400, "the login has ended: the token may have been stolen"


def test_replicas_whose_clocks_differ_a_little_take_it(replica: Replica, other: Replica, clock: Clock) -> None:
    first = replica.tokens("bob")["refresh_token"]
    second = replica.refresh(first).json()["refresh_token"]
    clock.forward(-9)
    assert other.refresh(first).json()["refresh_token"] == second


@pytest.mark.thorough
def test_a_key_that_signed_already_waits_again(replica: Replica, other: Replica, clock: Clock) -> None:
    old = replica.service.keys.signing()[0]
    new = replica.service.keys.rotate().kid
    clock.forward(replica.service.settings.publish_seconds + 1)
    assert replica.service.keys.signing()[0] == new
    clock.forward(BACK)
    assert replica.service.keys.signing()[0] == old
    token = replica.tokens("bob")["access_token"]
    assert replica.me(token).status_code == other.me(token).status_code == 200


def test_guesses_wait_longer_and_not_for_ever(replica: Replica, clock: Clock) -> None:
    while replica.login("bob", "a wrong guess").status_code == 401:
        pass
    clock.forward(BACK)
    told = replica.login("bob")
    assert told.status_code == 429
    clock.forward(float(told.headers["Retry-After"]))
    assert replica.login("bob", PASSWORD).status_code == 200


def test_a_token_that_has_ended_stays_listed_though_it_seems_to_be_valid_again(
    replica: Replica, records: Records
) -> None:
    token_seconds, written = replica.service.settings.token_seconds, list[Write]()

    class Noted:
        def transact(self, expected: Sequence[Expect], writes: Sequence[Write]) -> int | Conflict:
            written.extend(writes)
            return records.transact(expected, writes)

        def __getattr__(self, name: str) -> object:
            return getattr(records, name)

    Users(Noted(), token_seconds=token_seconds).disable("bob")  # type: ignore[arg-type]  # records in all but name
    (ended,) = [write for write in written if write.key.startswith(ENDED)]
    assert (ended.expires_in or 0) >= token_seconds + 60 - BACK
