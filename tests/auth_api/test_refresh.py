"""Refresh families: one successor for each token, ten seconds to ask again, and the end for whoever comes later."""

import hashlib
import json

import pytest

from fanfold_auth.grants import GRANTS, Redeemed, TokenRequest
from fanfold_auth.service import Service
from fanfold_auth.tokens.sessions import FAMILIES
from fanfold_storage.records.protocol import Records
from tests.auth_api.service import PASSWORD, Clock, Replica
from tests.waiting import at_once

DEAD = "invalid_grant"


def refresh(replica: Replica, token: str) -> str:
    """The successor, or the error's code."""
    body = replica.refresh(token).json()
    return str(body.get("refresh_token") or body["error"])


def test_a_refresh_gives_new_tokens_with_the_roles_of_now(replica: Replica, admin: dict[str, str]) -> None:
    first = replica.tokens("bob")
    assert replica.http.put("/v1/users/bob/roles/admin", headers=admin).status_code == 200
    second = replica.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert replica.service.tokens.verify(second["access_token"]).roles == ["submitter", "admin"]


def test_a_lost_answer_can_be_asked_for_again(replica: Replica, other: Replica, clock: Clock) -> None:
    first = replica.tokens("bob")["refresh_token"]
    second = refresh(replica, first)
    clock.forward(10)
    assert refresh(other, first) == second
    assert refresh(replica, second) not in (first, second, DEAD)


@pytest.mark.parametrize("late", [10.01, 11, 3600])
def test_after_that_a_used_token_ends_the_login(replica: Replica, other: Replica, clock: Clock, late: float) -> None:
    """STRIDE 33."""
    first = replica.tokens("bob")["refresh_token"]
    second = refresh(replica, first)
    clock.forward(late)
    assert refresh(other, first) == DEAD
    assert refresh(replica, second) == DEAD


def test_a_grandparent_ends_the_login_at_once(replica: Replica) -> None:
    """STRIDE 34."""
    first = replica.tokens("bob")["refresh_token"]
    second = refresh(replica, first)
    third = refresh(replica, second)
    assert refresh(replica, first) == DEAD
    assert refresh(replica, third) == DEAD


def test_other_logins_of_the_user_go_on(replica: Replica) -> None:
    one, two = replica.tokens("bob")["refresh_token"], replica.tokens("bob")["refresh_token"]
    refresh(replica, refresh(replica, one))
    assert refresh(replica, one) == DEAD
    assert refresh(replica, two) != DEAD


def test_twenty_at_once_get_one_successor(replica: Replica, other: Replica) -> None:
    token = replica.tokens("bob")["refresh_token"]
    successors = at_once(20, lambda i: refresh([replica, other][i % 2], token))
    assert len(set(successors)) == 1
    assert successors[0] != DEAD
    assert refresh(other, successors[0]) != DEAD


def test_a_login_ends_absolutely(replica: Replica, clock: Clock) -> None:
    token, life = replica.tokens("bob")["refresh_token"], replica.service.settings.refresh_seconds
    for _ in range(6):
        clock.forward(life / 7)
        token = refresh(replica, token)
        assert token != DEAD
    clock.forward(life / 7)
    assert refresh(replica, token) == DEAD


def test_the_record_goes_when_the_login_does(replica: Replica, records: Records, clock: Clock) -> None:
    class Watched:
        """Real records that note how long writes are to last."""

        lifetimes: list[float | None] = []  # noqa: RUF012

        def __getattr__(self, name: str) -> object:
            return getattr(records, name)

        def transact(self, expectations, writes):
            self.lifetimes += [write.expires_in for write in writes if write.key.startswith(FAMILIES)]
            return records.transact(expectations, writes)

    replica.service.refreshes._records = watched = Watched()  # type: ignore[assignment]
    replica.service.throttle._records = watched  # type: ignore[assignment]
    life = replica.service.settings.refresh_seconds
    token = replica.tokens("bob")["refresh_token"]
    clock.forward(100)
    refresh(replica, token)
    assert watched.lifetimes == [life, life - 100]


def end_by_disabling(replica: Replica, admin: dict[str, str]) -> int:
    replica.http.patch("/v1/users/bob", json={"disabled": True}, headers=admin)
    return replica.http.patch("/v1/users/bob", json={"disabled": False}, headers=admin).status_code


def end_by_password(replica: Replica, admin: dict[str, str]) -> int:
    return replica.http.put(
        "/v1/users/bob/password", json={"password": "another pass phrase"}, headers=admin
    ).status_code


def end_by_removal(replica: Replica, admin: dict[str, str]) -> int:
    replica.http.delete("/v1/users/bob", headers=admin)
    again = {"name": "bob", "password": PASSWORD, "roles": ["admin"]}
    return replica.http.post("/v1/users", json=again, headers=admin).status_code


@pytest.mark.parametrize("end", [end_by_disabling, end_by_password, end_by_removal])
def test_what_ends_every_login_of_a_user(replica: Replica, other: Replica, admin: dict[str, str], end) -> None:
    """STRIDE 60: also when the user can log in again afterwards."""
    tokens = [replica.tokens("bob")["refresh_token"] for _ in range(3)]
    assert end(replica, admin) in (200, 201, 204)
    assert [refresh(other, token) for token in tokens] == [DEAD] * 3


def test_a_disabled_users_refresh_is_dead(replica: Replica, admin: dict[str, str]) -> None:
    token = replica.tokens("bob")["refresh_token"]
    replica.http.patch("/v1/users/bob", json={"disabled": True}, headers=admin)
    assert refresh(replica, token) == DEAD


def test_logging_out(replica: Replica, other: Replica) -> None:
    token = replica.tokens("bob")["refresh_token"]
    successor = refresh(replica, token)
    assert other.http.post("/v1/revoke", data={"token": token}).status_code == 200
    assert refresh(replica, successor) == DEAD
    for unknown in (token, "nonsense", "e30.e30.e30", "x" * 5000):
        assert replica.http.post("/v1/revoke", data={"token": unknown}).status_code == 200
    assert replica.http.post("/v1/revoke", data={}).status_code == 400


def test_a_stranger_cannot_end_a_login_by_guessing(replica: Replica) -> None:
    token = replica.tokens("bob")["refresh_token"]
    for guess in ("", ".", "x.y", "A" * 22 + "." + "B" * 43, token + "A", token[:-1], token.upper()):
        assert replica.refresh(guess).status_code == 400
    assert refresh(replica, token) != DEAD


def test_a_refresh_cannot_ask_for_more(replica: Replica) -> None:
    """STRIDE 59."""
    token = replica.tokens("bob")["refresh_token"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "scope": "admin",
        "roles": "admin",
        "username": "ada",
    }
    claims = replica.service.tokens.verify(replica.http.post("/v1/token", data=form).json()["access_token"])
    assert (claims.preferred_username, claims.roles, claims.groups) == ("bob", ["submitter"], ["submitter"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "invalid_request"),
        ("grant_type=refresh_token", "invalid_request"),
        ("grant_type=refresh_token&refresh_token=", "invalid_request"),
        ("grant_type=refresh_token&refresh_token=a&refresh_token=b", "invalid_request"),
        ("grant_type=refresh_token&grant_type=password&refresh_token=a", "invalid_request"),
        ("grant_type=password&username=bob&password=x", "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x", "invalid_request"),
        ("&".join(f"x{i}=1" for i in range(10_000))[:60_000], "invalid_request"),
        (b"grant_type=refresh_token&refresh_token=\xff", "invalid_request"),
        ("grant_type=refresh_token&refresh_token=a", "invalid_grant"),
    ],
)
def test_token_requests_that_are_none(replica: Replica, body: str | bytes, error: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = replica.http.post("/v1/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_request_must_be_a_form(replica: Replica) -> None:
    token = replica.tokens("bob")["refresh_token"]
    answer = replica.http.post("/v1/token", json={"grant_type": "refresh_token", "refresh_token": token})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_only_hashes_lie_in_the_records(replica: Replica, records: Records) -> None:
    first = replica.tokens("bob")["refresh_token"]
    second = refresh(replica, first)
    lying = json.dumps([record.value for record in records.scan("auth/").records])
    for token in (first, second):
        assert token not in lying
        assert token.split(".")[1] not in lying
        assert hashlib.sha256(token.encode()).hexdigest() in lying


def test_a_grant_is_a_row_of_a_table(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(service: Service, asked: TokenRequest) -> Redeemed:
        user = service.users.get(asked.required("name"))
        return Redeemed(user, service.settings.audience, service.refreshes.start(user))

    monkeypatch.setitem(GRANTS, "other", other)
    answer = replica.http.post("/v1/token", data={"grant_type": "other", "name": "bob"})
    assert replica.me(answer.json()["access_token"]).json()["name"] == "bob"
    none = replica.http.post("/v1/token", data={"grant_type": "password"}).json()
    assert (none["error"], "or other, or log in" in none["detail"]) == ("unsupported_grant_type", True)
