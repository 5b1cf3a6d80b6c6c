"""Delegations: exchanged for the roles of the moment, worth nothing elsewhere, and ended with their user."""

import json
from typing import Any

import pytest

from fanfold_auth.tokens.delegations import DELEGATIONS, MOST
from fanfold_storage.records.protocol import Records, scan_all
from fanfold_web.tokens.access_tokens import Verifier
from tests.auth_api.service import Replica, bearer

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:fanfold:token-type:delegation",
}


def start(replica: Replica, who: dict[str, str], purpose: str = "schedule/nightly") -> dict[str, Any]:
    answer = replica.http.post("/v1/delegations", json={"purpose": purpose}, headers=who)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def exchange(replica: Replica, token: str, **changes: str) -> Any:
    return replica.http.post("/v1/token", data={**EXCHANGE, "subject_token": token, **changes})


def claims(replica: Replica, token: str) -> Any:
    service, settings = replica.service, replica.service.settings
    verify = Verifier(settings.issuer, "fanfold/delegated", service.keys.verifying, service.delegations._now).verify
    return verify(exchange(replica, token).raise_for_status().json()["access_token"])


def test_a_delegation_gives_the_roles_of_now(replica: Replica, other: Replica, admin: dict[str, str]) -> None:
    token = start(replica, replica.bearer("bob"))["token"]
    assert claims(other, token).roles == ["submitter"]
    replica.http.put("/v1/users/bob/roles/admin", headers=admin).raise_for_status()
    assert claims(other, token).roles == ["submitter", "admin"]
    for role in ("admin", "submitter"):
        replica.http.delete(f"/v1/users/bob/roles/{role}", headers=admin).raise_for_status()
    assert claims(other, token).roles == []


def test_what_it_is_exchanged_for_opens_nothing(replica: Replica) -> None:
    token = start(replica, replica.bearer("bob"))["token"]
    answer = exchange(replica, token).json()
    assert answer["issued_token_type"].endswith(":access_token") and "refresh_token" not in answer
    assert replica.me(answer["access_token"]).status_code == 401
    assert replica.me(token).status_code == 401
    assert (
        replica.http.post(
            "/v1/delegations", json={"purpose": "more"}, headers=bearer(answer["access_token"])
        ).status_code
        == 401
    )


def test_an_api_token_delegates_for_jobs_of_a_team_and_takes_that_along(replica: Replica) -> None:
    bob = replica.bearer("bob")

    def script(name: str) -> dict[str, str]:
        asked = {"name": name, "role": "submitter", "expires_in": 3600}
        text = replica.http.post("/v1/tokens", json=asked, headers=bob).raise_for_status().json()["token"]
        form = {**EXCHANGE, "subject_token_type": "urn:fanfold:token-type:api-token", "subject_token": text}
        return bearer(replica.http.post("/v1/token", data=form).json()["access_token"])

    first, second = (start(replica, script(name), "team-jobs")["token"] for name in ("ci", "cd"))
    assert claims(replica, first).preferred_username == "bob"
    replica.http.delete("/v1/tokens/ci", headers=bob).raise_for_status()
    refused = exchange(replica, first)
    assert refused.status_code == 400 and "API token" in refused.json()["detail"]
    assert exchange(replica, second).status_code == 200
    by_bob = start(replica, bob, "team-jobs")["token"]
    replica.http.delete("/v1/tokens/cd", headers=bob).raise_for_status()
    assert exchange(replica, second).status_code == 400 and exchange(replica, by_bob).status_code == 200


def test_a_new_password_does_not_end_it_and_being_disabled_does(replica: Replica, admin: dict[str, str]) -> None:
    token = start(replica, replica.bearer("bob"))["token"]
    replica.service.users.set_password("bob", "another long pass phrase")
    assert claims(replica, token).preferred_username == "bob"
    replica.http.patch("/v1/users/bob", json={"disabled": True}, headers=admin).raise_for_status()
    refused = exchange(replica, token)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert "disabled" in refused.json()["detail"]
    replica.http.patch("/v1/users/bob", json={"disabled": False}, headers=admin).raise_for_status()
    assert exchange(replica, token).status_code == 200


def test_it_ends_with_its_user_and_is_no_namesakes(replica: Replica, admin: dict[str, str], records: Records) -> None:
    token = start(replica, replica.bearer("bob"))["token"]
    replica.http.delete("/v1/users/bob", headers=admin).raise_for_status()
    new = {"name": "bob", "password": "quite another pass phrase", "roles": ["admin"]}
    replica.http.post("/v1/users", json=new, headers=admin).raise_for_status()
    assert exchange(replica, token).json()["error"] == "invalid_grant"
    assert scan_all(records, DELEGATIONS).records == []


@pytest.mark.parametrize("way", ["by its token", "by its id"])
def test_revoked_it_is_worth_nothing(replica: Replica, other: Replica, way: str) -> None:
    bob = replica.bearer("bob")
    mine, kept = start(replica, bob), start(replica, bob)
    if way == "by its token":
        other.http.post("/v1/revoke", data={"token": mine["token"]}).raise_for_status()
    else:
        other.http.delete(f"/v1/delegations/{mine['id']}", headers=bob).raise_for_status()
    assert exchange(replica, mine["token"]).json()["error"] == "invalid_grant"
    assert exchange(replica, kept["token"]).status_code == 200
    listed = replica.http.get("/v1/delegations", headers=bob).json()["items"]
    assert [(found["id"], found["purpose"]) for found in listed] == [(kept["id"], "schedule/nightly")]
    assert "token" not in listed[0]


def test_only_its_hash_is_stored(replica: Replica, records: Records) -> None:
    token = start(replica, replica.bearer("bob"))["token"]
    stored = json.dumps([record.value for record in scan_all(records, "auth/").records])
    assert token not in stored and token.rpartition(":")[2] not in stored


def test_nobody_ends_anothers(replica: Replica, admin: dict[str, str]) -> None:
    mine = start(replica, replica.bearer("bob"))
    assert replica.http.delete(f"/v1/delegations/{mine['id']}", headers=admin).status_code == 404
    assert replica.http.delete("/v1/delegations/..", headers=admin).status_code in {404, 405}
    assert exchange(replica, mine["token"]).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"subject_token": "x"}, "invalid_grant"),
        ({"subject_token": "bob:00000000000000000000:" + "A" * 43}, "invalid_grant"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}, "invalid_request"),
    ],
)
def test_what_is_no_delegation_is_refused(replica: Replica, changes: dict[str, str], error: str) -> None:
    refused = exchange(replica, "", **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_a_wrong_secret_is_refused(replica: Replica) -> None:
    token = start(replica, replica.bearer("bob"))["token"]
    assert exchange(replica, token[:-1] + ("A" if token[-1] != "A" else "B")).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("purpose", ["", "two words", "é", "x" * 201, None])
def test_a_purpose_has_a_form(replica: Replica, purpose: str | None) -> None:
    answer = replica.http.post("/v1/delegations", json={"purpose": purpose}, headers=replica.bearer("bob"))
    assert answer.status_code == 422


def test_a_user_has_so_many(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST == 200
    monkeypatch.setattr("fanfold_auth.tokens.delegations.MOST", 2)
    bob = replica.bearer("bob")
    start(replica, bob)
    start(replica, bob)
    refused = replica.http.post("/v1/delegations", json={"purpose": "third"}, headers=bob)
    assert refused.status_code == 409 and "revoke one" in refused.json()["detail"]
