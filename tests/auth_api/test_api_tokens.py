"""API tokens: exchanged for what their owner may now, at most in their role, until they expire or are revoked."""

import json
from typing import Any

import pytest

from fanfold_auth.tokens import api_tokens
from fanfold_auth.tokens.api_tokens import BY_HASH, OF_USER, new_text
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Records, scan_all
from fanfold_web.tokens.access_tokens import Claims
from tests.auth_api.service import PASSWORD, Clock, Replica, bearer
from tests.waiting import at_once

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:fanfold:token-type:api-token",
}
DAY = 86400


def create(replica: Replica, who: dict[str, str], name: str = "ci", role: str = "submitter", days: int = 90) -> Any:
    body = {"name": name, "role": role, "expires_in": days * DAY}
    return replica.http.post("/v1/tokens", json=body, headers=who)


def token(replica: Replica, who: dict[str, str], **fields: Any) -> str:
    answer = create(replica, who, **fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def exchange(replica: Replica, text: str, **changes: str) -> Any:
    return replica.http.post("/v1/token", data={**EXCHANGE, "subject_token": text, **changes})


def access(replica: Replica, text: str) -> str:
    answer = exchange(replica, text)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def claims(replica: Replica, text: str) -> Claims:
    return replica.service.tokens.verify(access(replica, text))


def refusal(replica: Replica, text: str) -> str:
    answer = exchange(replica, text)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    return str(answer.json()["detail"])


def test_a_script_acts_for_its_owner(replica: Replica, other: Replica) -> None:
    made = create(replica, replica.bearer("bob"))
    assert made.headers["location"] == "/v1/tokens/ci"
    assert made.json()["token"].startswith("ffat_") and made.json()["expires"] == "2027-04-15T08:00:00Z"
    answer = exchange(other, made.json()["token"]).json()
    assert answer["expires_in"] == 600 and "refresh_token" not in answer
    assert other.me(answer["access_token"]).json()["name"] == "bob"
    assert claims(other, made.json()["token"]).roles == ["submitter"]


def test_a_token_is_listed_without_what_stands_for_it(replica: Replica, other: Replica, clock: Clock) -> None:
    bob = replica.bearer("bob")
    assert replica.http.get("/v1/tokens", headers=bob).json() == {"items": []}
    text = token(replica, bob, name="nightly", role="viewer", days=1)
    token(replica, bob)
    listed = other.http.get("/v1/tokens", headers=bob).json()["items"]
    assert [(found["name"], found["role"], found["last_used"]) for found in listed] == [
        ("ci", "submitter", None),
        ("nightly", "viewer", None),
    ]
    assert text not in json.dumps(listed) and "stamp" not in listed[0]
    clock.forward(30)
    exchange(other, text)
    assert replica.http.get("/v1/tokens", headers=bob).json()["items"][1]["last_used"] == "2027-01-15T08:00:30Z"


def test_its_last_use_is_written_once_a_minute(replica: Replica, records: Records, clock: Clock) -> None:
    text = token(replica, replica.bearer("bob"))

    def revision() -> int:
        return scan_all(records, BY_HASH).records[0].revision

    exchange(replica, text)
    first = revision()
    for _ in range(5):
        exchange(replica, text)
    assert revision() == first
    clock.forward(60)
    exchange(replica, text)
    assert revision() > first


def test_it_yields_tokens_although_its_use_cannot_be_written(
    replica: Replica, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = token(replica, replica.bearer("bob"))

    def away(*_: Any) -> None:
        raise Unavailable("no space")

    monkeypatch.setattr(replica.service.api_tokens, "_records", _Reading(records, away))
    assert exchange(replica, text).status_code == 200


class _Reading:
    """Records of which only reading works."""

    def __init__(self, records: Records, away: Any) -> None:
        self.get, self.transact = records.get, away


@pytest.mark.parametrize(
    ("granted", "role", "yields"),
    [
        (["admin"], "admin", ["admin"]), (["admin"], "submitter", ["submitter"]), (["admin"], "viewer", ["viewer"]),
        (["viewer"], "submitter", ["viewer"]), (["viewer", "submitter"], "admin", ["submitter"]), ([], "viewer", []),
    ],
)  # fmt: skip
def test_it_yields_its_role_or_its_owners_if_that_is_lower(
    replica: Replica, admin: dict[str, str], granted: list[str], role: str, yields: list[str]
) -> None:
    replica.service.users.create("cleo", PASSWORD, ["admin"])
    text = token(replica, replica.bearer("cleo"), role=role)
    for each in granted:
        replica.http.put(f"/v1/users/cleo/roles/{each}", headers=admin).raise_for_status()
    for each in {"viewer", "submitter", "admin"} - {*granted}:
        replica.http.delete(f"/v1/users/cleo/roles/{each}", headers=admin).raise_for_status()
    found = claims(replica, text)
    assert (found.roles, found.groups) == (yields, yields)


@pytest.mark.parametrize("role", ["admin"])
def test_nobody_creates_one_with_more_than_they_may(replica: Replica, role: str) -> None:
    refused = create(replica, replica.bearer("bob"), role=role)
    assert refused.status_code == 403 and "can't do more than its owner" in refused.json()["detail"]
    assert replica.http.get("/v1/tokens", headers=replica.bearer("bob")).json()["items"] == []


def test_revoked_it_and_what_it_was_exchanged_for_end_at_once(replica: Replica, other: Replica) -> None:
    bob = replica.bearer("bob")
    text, kept = token(replica, bob), token(replica, bob, name="kept")
    taken, others = access(other, text), access(other, kept)
    assert other.me(taken).status_code == 200
    assert replica.http.delete("/v1/tokens/ci", headers=bob).status_code == 204
    assert "was revoked" in refusal(other, text)
    refused = other.me(taken)
    assert refused.status_code == 401 and "API token" in refused.json()["detail"]
    assert replica.service.tokens.verify(taken).via in other.http.get("/v1/keys").json()["ended"]
    assert other.me(others).status_code == 200 and other.http.get("/v1/me", headers=bob).status_code == 200
    assert replica.http.delete("/v1/tokens/ci", headers=bob).status_code == 404
    assert token(replica, bob) != text


def test_whoever_has_it_may_revoke_it(replica: Replica, records: Records) -> None:
    text = token(replica, replica.bearer("bob"))
    for sent in (text[:-1], text, text, "ffat_", new_text()):
        assert replica.http.post("/v1/revoke", data={"token": sent}).status_code == 200
    assert "was revoked" in refusal(replica, text)
    assert scan_all(records, OF_USER).records == scan_all(records, BY_HASH).records == []


def test_an_expired_one_says_so_and_goes_a_month_later(replica: Replica, records: Records, clock: Clock) -> None:
    text = token(replica, replica.bearer("bob"), days=1)
    clock.forward(DAY - 100)
    answer = exchange(replica, text).json()
    assert answer["expires_in"] == 100, "an access token ends with it"
    assert replica.service.tokens.verify(answer["access_token"]).exp == int(clock()) + 100
    clock.forward(100)
    assert "expired at 2027-01-16T08:00:00Z" in refusal(replica, text)
    bob = replica.bearer("bob")
    assert [found["name"] for found in replica.http.get("/v1/tokens", headers=bob).json()["items"]] == ["ci"]
    assert create(replica, bob).status_code == 409
    clock.forward(30 * DAY + 1)
    bob = replica.bearer("bob")
    assert replica.http.get("/v1/tokens", headers=bob).json()["items"] == []
    assert create(replica, bob).status_code == 201


def test_a_disabled_user_has_none_and_an_enabled_one_has_them_again(replica: Replica, admin: dict[str, str]) -> None:
    text = token(replica, replica.bearer("bob"))
    taken = access(replica, text)
    replica.http.patch("/v1/users/bob", json={"disabled": True}, headers=admin).raise_for_status()
    assert replica.me(taken).status_code == 401
    assert "disabled" in refusal(replica, text)
    replica.http.patch("/v1/users/bob", json={"disabled": False}, headers=admin).raise_for_status()
    assert replica.me(taken).status_code == 401, "a token that has ended stays so"
    assert replica.me(access(replica, text)).status_code == 200


def test_they_go_with_their_user_and_are_no_namesakes(
    replica: Replica, admin: dict[str, str], records: Records
) -> None:
    text = token(replica, replica.bearer("bob"))
    replica.http.delete("/v1/users/bob", headers=admin).raise_for_status()
    assert scan_all(records, "auth/api-tokens/").records == []
    replica.service.users.create("bob", PASSWORD, ["admin"])
    refusal(replica, text)
    assert replica.http.get("/v1/tokens", headers=replica.bearer("bob")).json()["items"] == []


def test_a_crash_between_a_user_and_their_tokens_leaves_them_worthless(replica: Replica, records: Records) -> None:
    text = token(replica, replica.bearer("bob"))
    replica.service.users.remove("bob")  # and nothing more
    replica.service.users.create("bob", PASSWORD, ["admin"])
    assert "was removed" in refusal(replica, text)
    assert scan_all(records, "auth/api-tokens/").records == []


def test_a_new_password_does_not_end_it(replica: Replica) -> None:
    text = token(replica, replica.bearer("bob"))
    taken = access(replica, text)
    replica.service.users.set_password("bob", "another long pass phrase")
    assert replica.me(taken).status_code == 401
    assert replica.me(access(replica, text)).status_code == 200


FORBIDDEN = [
    ("POST", "/v1/tokens", {"name": "more", "role": "viewer", "expires_in": 3600}),
    ("DELETE", "/v1/tokens/ci", None),
    ("POST", "/v1/delegations", {"purpose": "more"}),
    ("PUT", "/v1/users/ada/password", {"password": "another pass phrase", "current": PASSWORD}),
    ("PUT", "/v1/users/bob/password", {"password": "another pass phrase"}),
    ("POST", "/v1/users", {"name": "cleo", "password": PASSWORD, "roles": ["admin"]}),
    ("PATCH", "/v1/users/bob", {"disabled": True}),
    ("DELETE", "/v1/users/bob", None),
    ("PUT", "/v1/users/bob/roles/admin", None),
    ("DELETE", "/v1/users/bob/roles/submitter", None),
    ("POST", "/v1/keys/rotate", None),
    ("DELETE", "/v1/clients/argo", None),
    ("PUT", "/v1/users/bob/groups/x", None),
    ("DELETE", "/v1/users/bob/groups/x", None),
]


@pytest.mark.parametrize(("method", "path", "sent"), FORBIDDEN)
def test_even_an_admins_token_changes_nothing_that_outlasts_it(
    replica: Replica, admin: dict[str, str], records: Records, method: str, path: str, sent: Any
) -> None:
    script = bearer(access(replica, token(replica, admin, role="admin")))
    before = scan_all(records, "auth/users/").records
    refused = replica.http.request(method, path, json=sent, headers=script)
    assert refused.status_code == 403 and "log in" in refused.json()["detail"].lower()
    assert scan_all(records, "auth/users/").records == before
    assert replica.http.get("/v1/users", headers=script).status_code == 200


def test_a_submitters_token_of_an_admin_sees_no_users(replica: Replica, admin: dict[str, str]) -> None:
    script = bearer(access(replica, token(replica, admin)))
    assert replica.http.get("/v1/users", headers=script).status_code == 403


def test_an_admin_sees_and_ends_anothers_and_others_do_not(replica: Replica, admin: dict[str, str]) -> None:
    text = token(replica, replica.bearer("bob"))
    assert replica.http.get("/v1/tokens?owner=bob", headers=admin).json()["items"][0]["name"] == "ci"
    assert replica.http.get("/v1/tokens?owner=nobody", headers=admin).status_code == 404
    for method, path in [("GET", "/v1/tokens?owner=ada"), ("DELETE", "/v1/tokens/ci?owner=ada")]:
        assert replica.http.request(method, path, headers=replica.bearer("bob")).status_code == 403
    assert replica.http.delete("/v1/tokens/ci?owner=bob", headers=admin).status_code == 204
    refusal(replica, text)


def test_only_its_hash_is_stored(replica: Replica, records: Records) -> None:
    text = token(replica, replica.bearer("bob"))
    stored = json.dumps([(record.key, record.value) for record in scan_all(records, "auth/").records])
    assert text not in stored and text[5:48] not in stored


@pytest.mark.parametrize("at", [5, 20, 47, 48, 53])
def test_a_mistyped_one_is_told_from_an_unknown_one(replica: Replica, at: int) -> None:
    text = new_text()
    assert "unknown" in refusal(replica, text)
    typo = text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]
    for wrong in (typo, text[:at], text + "x", text[:at] + "é" + text[at + 1 :]):
        assert "incomplete or mistyped" in refusal(replica, wrong)
    assert "begins with ffat_" in refusal(replica, text[1:])


def test_sent_as_it_is_it_is_refused_in_words(replica: Replica) -> None:
    refused = replica.me(token(replica, replica.bearer("bob")))
    assert refused.status_code == 401
    assert "API token" in refused.json()["detail"] and "POST /v1/token" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "two words"}, "/body/name"), ({"name": ""}, "/body/name"), ({"name": "a" * 64}, "/body/name"),
        ({"role": "root"}, "/body/role"), ({"role": None}, "/body/role"), ({"expires_in": 59}, "/body/expires_in"),
        ({"expires_in": 366 * DAY + 1}, "/body/expires_in"), ({"expires_in": "90d"}, "/body/expires_in"),
        ({"expires_in": True}, "/body/expires_in"), ({"stamp": "x"}, "/body/stamp"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_a_token_can_be(replica: Replica, change: dict[str, Any], pointer: str) -> None:
    body = {"name": "ci", "role": "viewer", "expires_in": 3600} | change
    refused = replica.http.post("/v1/tokens", json=body, headers=replica.bearer("bob"))
    assert refused.status_code == 422 and pointer in refused.text


def test_names_are_unique_and_a_user_has_so_many_whoever_asks_at_once(
    replica: Replica, other: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api_tokens.MOST == 50
    monkeypatch.setattr(api_tokens, "MOST", 3)
    bob = replica.bearer("bob")
    replicas = [replica, other]
    same = at_once(6, lambda i: create(replicas[i % 2], bob).status_code)
    assert sorted(same) == [201, 409, 409, 409, 409, 409]
    many = at_once(6, lambda i: create(replicas[i % 2], bob, name=f"n{i}").status_code)
    assert sorted(many) == [201, 201, 409, 409, 409, 409]
    listed = replica.http.get("/v1/tokens", headers=bob).json()["items"]
    assert len(listed) == 3
    assert "revoke one" in create(replica, bob, name="more").json()["detail"]


def test_one_that_is_revoked_while_it_is_used_stays_revoked(replica: Replica, other: Replica, clock: Clock) -> None:
    bob = replica.bearer("bob")
    for round_ in range(5):
        text = token(replica, bob, name=f"r{round_}")

        def use_or_end(i: int, text: str = text, name: str = f"r{round_}") -> int:
            if i == 3:
                return int(replica.http.delete(f"/v1/tokens/{name}", headers=bob).status_code)
            return int(exchange(other, text).status_code)

        assert set(at_once(6, use_or_end)) <= {200, 204, 400}
        refusal(replica, text)
        clock.forward(60)
