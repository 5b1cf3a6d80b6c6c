"""Sessions over HTTP: where a user is logged in, a page at a time; and what ends with one."""

from typing import Any

from fanfold_auth.tokens.sessions import FAMILIES, SESSIONS, Source
from fanfold_storage.records import scan_all
from fanfold_storage.records.protocol import Records, Write
from tests.auth_api.service import Clock, Replica, bearer


def listed(replica: Replica, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    answer = replica.http.get(f"/v1/sessions{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def test_every_login_is_a_session_with_its_program(replica: Replica) -> None:
    agent = f"tool/1.0\r {'x' * 500}".replace("\r", "")
    login = {"name": "bob", "password": "quite a long pass phrase"}
    token = replica.http.post("/v1/login", json=login, headers={"User-Agent": agent}).json()["access_token"]
    (session,) = listed(replica, bearer(token))
    assert (session["kind"], session["client"], session["address"]) == ("command", None, "192.0.2.1")
    assert session["agent"] == agent[:200]
    assert "hash" not in session and "family" not in session


def test_a_page_at_a_time(replica: Replica, other: Replica) -> None:
    headers = [replica.bearer("bob") for _ in range(5)][-1]
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = other.http.get(f"/v1/sessions?limit=2&cursor={cursor}", headers=headers).json()
        assert len(page["items"]) <= 2
        found, cursor = found + page["items"], page["cursor"]
    assert len({session["id"] for session in found}) == 5
    assert replica.http.get("/v1/sessions?cursor=x", headers=headers).status_code == 400


def test_one_that_ends_takes_its_tokens_along_and_no_others(replica: Replica, other: Replica) -> None:
    kept = replica.tokens("bob")
    (own,) = listed(replica, bearer(kept["access_token"]))
    ended = replica.tokens("bob")
    headers = bearer(kept["access_token"])
    (new,) = [session for session in listed(other, headers) if session["id"] != own["id"]]
    assert other.http.delete(f"/v1/sessions/{new['id']}", headers=headers).status_code == 204
    assert replica.refresh(ended["refresh_token"]).status_code == 400
    assert replica.me(ended["access_token"]).status_code == 401
    renewed = replica.refresh(kept["refresh_token"])
    assert renewed.status_code == 200 and replica.me(renewed.json()["access_token"]).status_code == 200
    assert (
        other.http.delete(f"/v1/sessions/{new['id']}", headers=bearer(renewed.json()["access_token"])).status_code
        == 404
    )


def test_logging_out_everywhere_ends_all_and_those_that_are_not_listed(
    replica: Replica, records: Records, clock: Clock
) -> None:
    """Families of the version before have no session."""
    old, new = replica.tokens("bob"), replica.tokens("bob")
    for record in scan_all(records, SESSIONS).records:
        records.transact([], [Write(record.key, None)])
    assert replica.refresh(old["refresh_token"]).status_code == 200, "it goes on without one"
    assert replica.http.delete("/v1/sessions", headers=bearer(new["access_token"])).status_code == 204
    for tokens in (old, new):
        assert replica.me(tokens["access_token"]).status_code == 401
    assert replica.refresh(new["refresh_token"]).status_code == 400


def test_what_has_ended_is_not_listed(replica: Replica, records: Records, clock: Clock) -> None:
    user = replica.service.users.get("bob")
    replica.service.sessions.start_browser(user, 60, Source("192.0.2.7"), None)
    tokens = replica.tokens("bob")
    replica.http.post("/v1/revoke", data={"token": tokens["refresh_token"]})
    headers = replica.bearer("bob")
    assert sorted(session["kind"] for session in listed(replica, headers)) == ["browser", "command"]
    clock.forward(61)
    assert [session["kind"] for session in listed(replica, headers)] == ["command"]
    replica.service.users.set_password("bob", "another long pass phrase")
    assert replica.service.sessions.page(replica.service.users.get("bob")).sessions == []


def test_families_of_the_command_are_stored_as_the_version_before_reads_them(
    replica: Replica, records: Records
) -> None:
    replica.tokens("bob")
    (family,) = [record.value for record in scan_all(records, FAMILIES).records]
    assert set(family) == {"user", "epoch", "expires", "current", "previous", "rotated", "sealed"}


def test_others_sessions_are_for_admins(replica: Replica, admin: dict[str, str]) -> None:
    bobs = replica.bearer("bob")
    (session,) = listed(replica, admin, "?owner=bob")
    assert replica.http.get("/v1/sessions?owner=ada", headers=bobs).status_code == 403
    assert replica.http.delete("/v1/sessions?owner=ada", headers=bobs).status_code == 403
    ada = listed(replica, admin)[0]["id"]
    assert replica.http.delete(f"/v1/sessions/{ada}", headers=bobs).status_code == 404
    assert replica.http.delete(f"/v1/sessions/{session['id']}?owner=bob", headers=admin).status_code == 204
    assert replica.http.get("/v1/sessions?owner=nobody", headers=admin).status_code == 404
    assert replica.http.get("/v1/me", headers=bobs).status_code == 401
