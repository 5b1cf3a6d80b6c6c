"""Name and password in, tokens out; and the same "no" for everybody else."""

import argon2
import jwt
import pytest

from fanfold_auth.accounts.throttle import ACCOUNT_AND_ADDRESS
from fanfold_auth.accounts.throttle import PASSWORD as PASSWORD_LIMIT
from tests.auth_api.service import PASSWORD, Clock, Replica, bearer
from tests.waiting import at_once


def test_login_gives_tokens_as_the_design_says(replica: Replica) -> None:
    answer = replica.login("bob")
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert answer.headers["cache-control"] == "no-store"


def test_the_token_says_who_and_what(replica: Replica, clock: Clock) -> None:
    token = replica.tokens("bob")["access_token"]
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    assert header == {"typ": "at+jwt", "alg": "RS256", "kid": replica.service.keys.published()[0].kid}
    jti, now, bob = claims.pop("jti"), int(clock()), replica.service.users.get("bob")
    assert len(jti) >= 20
    assert claims == {
        "iss": "https://auth.example.org",
        "aud": "fanfold",
        "sub": bob.id,
        "preferred_username": "bob",
        "stamp": bob.stamp,
        "client_id": "fanfold",
        "roles": ["submitter"],
        "groups": ["submitter"],
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }


def test_me(replica: Replica) -> None:
    answer = replica.me(replica.tokens("bob")["access_token"])
    assert answer.status_code == 200
    assert answer.json() == {
        "id": replica.service.users.get("bob").id, "name": "bob", "roles": ["submitter"], "groups": [],
        "disabled": False, "created": "2027-01-15T08:00:00Z",
    }  # fmt: skip


def test_two_replicas_serve_each_others_users_and_tokens(
    replica: Replica, other: Replica, admin: dict[str, str]
) -> None:
    new = {"name": "cleo", "password": PASSWORD, "roles": ["viewer"]}
    assert replica.http.post("/v1/users", json=new, headers=admin).status_code == 201
    tokens = other.tokens("cleo")
    assert replica.me(tokens["access_token"]).json()["name"] == "cleo"
    successor = replica.refresh(tokens["refresh_token"]).json()
    assert other.me(successor["access_token"]).status_code == 200
    assert other.refresh(successor["refresh_token"]).status_code == 200
    assert other.http.get("/v1/keys").json() == replica.http.get("/v1/keys").json()


def test_wrong_unknown_and_disabled_are_told_the_same(replica: Replica) -> None:
    replica.service.users.create("gone", PASSWORD, ["viewer"])
    replica.service.users.disable("gone")
    answers = [replica.login("bob", "not the password"), replica.login("nobody"), replica.login("gone")]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len({answer.text for answer in answers}) == 1
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers)


@pytest.mark.parametrize("name", ["bob", "nobody", "gone"])
def test_every_refusal_costs_one_hash(replica: Replica, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """User enumeration by timing (STRIDE 39): what takes the time happens once, whoever is asked for."""
    replica.service.users.create("gone", PASSWORD, ["viewer"])
    replica.service.users.disable("gone")
    checked: list[str] = []
    verify = argon2.PasswordHasher.verify

    def note_and_verify(hasher: argon2.PasswordHasher, encoded: str, password: str) -> bool:
        checked.append(encoded)
        return verify(hasher, encoded, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", note_and_verify)
    assert replica.login(name, "not the password").status_code == 401
    assert len(checked) == 1
    assert checked[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_guesses_wait_longer_and_longer_and_others_do_not(replica: Replica, other: Replica, clock: Clock) -> None:
    for _ in range(ACCOUNT_AND_ADDRESS.free):
        assert replica.login("bob", "a wrong guess").status_code == 401
    refused = other.login("bob")  # the right password, on another replica: it waits all the same
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert replica.login("ada").status_code == 200
    clock.forward(1.1)
    assert replica.login("bob", "a wrong guess").status_code == 401
    assert replica.login("bob").headers["retry-after"] == "2"
    clock.forward(2.1)
    assert replica.login("bob").status_code == 200


def test_success_is_not_counted(replica: Replica) -> None:
    for _ in range(3 * ACCOUNT_AND_ADDRESS.free):
        assert replica.login("bob").status_code == 200


@pytest.mark.parametrize("number", [60, pytest.param(1000, marks=pytest.mark.thorough)])
def test_a_flood_of_guesses_is_let_through_a_few_at_most(replica: Replica, other: Replica, number: int) -> None:
    """STRIDE 22, on two replicas at the same time."""
    guess = [replica.login, other.login]
    answers = at_once(number, lambda i: guess[i % 2]("bob", f"wrong guess {i}").status_code)
    assert answers.count(401) <= ACCOUNT_AND_ADDRESS.free
    assert set(answers) <= {401, 429, 503}
    assert 429 in answers or 503 in answers


def test_a_forwarding_header_buys_no_new_attempts(replica: Replica) -> None:
    """STRIDE 23."""
    for i in range(ACCOUNT_AND_ADDRESS.free):
        headers = {"X-Forwarded-For": f"203.0.113.{i}", "Forwarded": f"for=203.0.113.{i}"}
        replica.http.post("/v1/login", json={"name": "bob", "password": "a wrong guess"}, headers=headers)
    answer = replica.http.post(
        "/v1/login", json={"name": "bob", "password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.99"}
    )
    assert answer.status_code == 429


@pytest.mark.parametrize("extra", [{"roles": ["admin"]}, {"groups": ["admin"]}, {"sub": "ada"}])
def test_a_role_in_the_login_is_refused(replica: Replica, extra: dict[str, object]) -> None:
    """STRIDE 58."""
    answer = replica.http.post("/v1/login", json={"name": "bob", "password": PASSWORD, **extra})
    assert answer.status_code == 422


def test_the_issuer_is_not_the_host_header(replica: Replica) -> None:
    """STRIDE 24."""
    answer = replica.http.post(
        "/v1/login",
        json={"name": "bob", "password": PASSWORD},
        headers={"Host": "evil.example", "X-Forwarded-Host": "x"},
    )
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["iss"] == "https://auth.example.org"


def test_a_disabled_users_access_token_is_dead_here_at_once(replica: Replica, admin: dict[str, str]) -> None:
    tokens = replica.tokens("bob")
    assert replica.http.patch("/v1/users/bob", json={"disabled": True}, headers=admin).json()["disabled"] is True
    answer = replica.me(tokens["access_token"])
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_removed_users_token_is_not_the_next_owners(replica: Replica, admin: dict[str, str], clock: Clock) -> None:
    tokens = replica.tokens("bob")
    assert replica.http.delete("/v1/users/bob", headers=admin).status_code == 204
    clock.forward(5)
    replica.service.users.create("bob", PASSWORD, ["admin"])
    assert replica.me(tokens["access_token"]).status_code == 401
    assert replica.refresh(tokens["refresh_token"]).status_code == 400
    assert replica.http.get("/v1/me", headers=bearer(replica.tokens("bob")["access_token"])).status_code == 200


def test_one_password_on_many_accounts_is_slowed_down(replica: Replica, other: Replica) -> None:
    """Spraying, from two addresses in turn, to accounts that exist and others."""
    names = ["ada", "bob", *(f"user{i}" for i in range(PASSWORD_LIMIT.free - 2))]
    for i, name in enumerate(names):
        assert (replica, other)[i % 2].login(name, "Summer2026!").status_code == 401
    refused = other.login("eve", "Summer2026!")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "has been tried on several accounts" in refused.json()["detail"]
    assert replica.login("bob").status_code == 200
