"""Users over HTTP: what admins may do, what others may not, and that somebody can always administer."""

import contextlib
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fanfold_auth.accounts.users import ADMINS, Users
from fanfold_auth.refusals import BadName, LastAdmin
from fanfold_storage.records.protocol import Records
from tests.auth_api.service import PASSWORD, Clock, Replica
from tests.waiting import at_once

NEW = {"name": "cleo", "password": PASSWORD, "roles": ["submitter"]}
ADMIN_ROUTES = [
    ("GET", "/v1/users", None),
    ("POST", "/v1/users", NEW),
    ("GET", "/v1/users/ada", None),
    ("PATCH", "/v1/users/ada", {"disabled": True}),
    ("DELETE", "/v1/users/ada", None),
    ("PUT", "/v1/users/ada/password", {"password": "another pass phrase"}),
    ("PUT", "/v1/users/bob/roles/admin", None),
    ("DELETE", "/v1/users/ada/roles/admin", None),
    ("POST", "/v1/keys/rotate", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ADMIN_ROUTES)
def test_admin_routes_are_for_admins(replica: Replica, method: str, path: str, body: Any) -> None:
    """STRIDE 63."""
    before = [replica.service.users.get(name) for name in ("ada", "bob")]
    assert replica.http.request(method, path, json=body).status_code == 401
    answer = replica.http.request(method, path, json=body, headers=replica.bearer("bob"))
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == 'Bearer realm="fanfold", error="insufficient_scope"'
    assert [replica.service.users.get(name) for name in ("ada", "bob")] == before
    assert replica.service.users.find("cleo") is None


def test_method_override_is_ignored(replica: Replica, admin: dict[str, str]) -> None:
    """STRIDE 62."""
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        assert replica.http.get("/v1/users/bob?_method=DELETE", headers=admin | {name: "DELETE"}).status_code == 200
    assert replica.http.request("TRACE", "/v1/users/bob", headers=admin).status_code == 405


def test_add_show_and_remove(replica: Replica, other: Replica, admin: dict[str, str]) -> None:
    added = replica.http.post("/v1/users", json=NEW, headers=admin)
    assert added.status_code == 201
    assert added.headers["location"] == "/v1/users/cleo"
    assert added.json() == {
        "id": replica.service.users.get("cleo").id, "name": "cleo", "roles": ["submitter"], "groups": [],
        "disabled": False, "created": "2027-01-15T08:00:00Z",
    }  # fmt: skip
    assert other.http.get("/v1/users/cleo", headers=admin).json() == added.json()
    assert other.http.post("/v1/users", json=NEW, headers=admin).status_code == 409
    assert other.http.delete("/v1/users/cleo", headers=admin).status_code == 204
    assert replica.http.get("/v1/users/cleo", headers=admin).status_code == 404
    assert replica.http.delete("/v1/users/cleo", headers=admin).status_code == 404
    assert replica.login("cleo").status_code == 401


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "Cleo"}, "/body/name"), ({"name": ""}, "/body/name"), ({"name": "a" * 64}, "/body/name"),
        ({"name": "-a"}, "/body/name"), ({"name": "a."}, "/body/name"), ({"name": "a\n"}, "/body/name"),
        ({"name": "a/b"}, "/body/name"), ({"name": "\u202ea"}, "/body/name"), ({"name": "a\x00"}, "/body/name"),
        ({"name": 7}, "/body/name"), ({"name": None}, "/body/name"),
        ({"roles": []}, "/body/roles"), ({"roles": ["root"]}, "/body/roles/0"), ({"roles": "admin"}, "/body/roles"),
        ({"password": 12345678}, "/body/password"), ({"password": "\ud800 lone surrogate"}, "/body/password"),
        ({"epoch": "x"}, "/body/epoch"), ({"disabled": True}, "/body/disabled"),
    ],
    ids=repr,
)  # fmt: skip
def test_users_that_cannot_be(replica: Replica, admin: dict[str, str], change: dict[str, Any], pointer: str) -> None:
    body = json.dumps(NEW | change)
    answer = replica.http.post("/v1/users", content=body, headers=admin | {"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_list_comes_in_pages(replica: Replica, admin: dict[str, str]) -> None:
    for i in range(5):
        replica.service.users.create(f"user{i}", PASSWORD, ["viewer"])
    names, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = replica.http.get("/v1/users", params=params, headers=admin).json()
        names += [user["name"] for user in page["items"]]
        cursor, pages = page["cursor"], pages + 1
    assert names == ["ada", "bob", "user0", "user1", "user2", "user3", "user4"]
    assert pages == 3
    whole = replica.http.get("/v1/users", headers=admin).json()
    assert (len(whole["items"]), whole["cursor"]) == (7, None)
    assert "password" not in str(whole)


@pytest.mark.parametrize("limit", ["0", "501", "x"])
def test_a_page_that_cannot_be(replica: Replica, admin: dict[str, str], limit: str) -> None:
    assert replica.http.get(f"/v1/users?limit={limit}", headers=admin).status_code == 422


def test_a_page_has_between_1_and_500_users(replica: Replica, admin: dict[str, str]) -> None:
    one = replica.http.get("/v1/users?limit=1", headers=admin).json()
    assert ([user["name"] for user in one["items"]], bool(one["cursor"])) == (["ada"], True)
    assert replica.http.get("/v1/users?limit=500", headers=admin).json()["cursor"] is None


@pytest.mark.parametrize("name", ["nobody", "Ada", "..", "%2e%2e", "a%00b", "a%0d%0ab", "x" * 300, "%F0%9F%98%80"])
def test_nobody_of_that_name(replica: Replica, admin: dict[str, str], name: str) -> None:
    assert replica.http.get(f"/v1/users/{name}", headers=admin).status_code == 404
    assert replica.http.put(f"/v1/users/{name}/roles/viewer", headers=admin).status_code == 404


def test_roles_come_and_go(replica: Replica, admin: dict[str, str]) -> None:
    for _ in range(2):
        assert replica.http.put("/v1/users/bob/roles/viewer", headers=admin).json()["roles"] == ["viewer", "submitter"]
    for _ in range(2):
        assert replica.http.delete("/v1/users/bob/roles/submitter", headers=admin).json()["roles"] == ["viewer"]
    assert replica.http.put("/v1/users/bob/roles/root", headers=admin).status_code == 422


def test_a_demoted_admin_loses_the_power_at_once(replica: Replica, other: Replica, admin: dict[str, str]) -> None:
    replica.http.put("/v1/users/bob/roles/admin", headers=admin)
    bob = replica.bearer("bob")
    assert other.http.get("/v1/users", headers=bob).status_code == 200
    replica.http.delete("/v1/users/bob/roles/admin", headers=admin)
    assert other.http.get("/v1/users", headers=bob).status_code == 401
    assert other.http.get("/v1/users", headers=replica.bearer("bob")).status_code == 403


def test_a_token_from_before_the_promotion_does_not_administer(replica: Replica, admin: dict[str, str]) -> None:
    bob = replica.bearer("bob")
    replica.http.put("/v1/users/bob/roles/admin", headers=admin)
    assert replica.http.get("/v1/users", headers=bob).status_code == 403
    assert replica.http.get("/v1/users", headers=replica.bearer("bob")).status_code == 200


def test_ones_own_password_needs_the_current_one(replica: Replica) -> None:
    bob, new = replica.bearer("bob"), "another pass phrase"
    path = "/v1/users/bob/password"
    assert replica.http.put(path, json={"password": new}, headers=bob).status_code == 401
    assert replica.http.put(path, json={"password": new, "current": "not it"}, headers=bob).status_code == 401
    assert replica.login("bob", new).status_code == 401
    assert replica.http.put(path, json={"password": new, "current": PASSWORD}, headers=bob).status_code == 204
    assert replica.login("bob").status_code == 401
    assert replica.login("bob", new).status_code == 200


def test_guessing_at_the_current_password_is_throttled_too(replica: Replica) -> None:
    bob = replica.bearer("bob")
    body = {"password": "another pass phrase", "current": "a wrong guess"}
    answers = [replica.http.put("/v1/users/bob/password", json=body, headers=bob).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]


@pytest.mark.parametrize("weak", ["short", "password1", "bob12345", "aaaaaaaaaaaa", "x" * 1025])
def test_weak_passwords_are_refused(replica: Replica, admin: dict[str, str], weak: str) -> None:
    assert replica.http.put("/v1/users/bob/password", json={"password": weak}, headers=admin).status_code == 422
    assert replica.login("bob").status_code == 200
    replica.http.delete("/v1/users/bob", headers=admin)
    assert (
        replica.http.post("/v1/users", json=NEW | {"name": "bob", "password": weak}, headers=admin).status_code == 422
    )


LAST = [
    ("DELETE", "/v1/users/ada", None),
    ("PATCH", "/v1/users/ada", {"disabled": True}),
    ("DELETE", "/v1/users/ada/roles/admin", None),
]


@pytest.mark.parametrize(("method", "path", "body"), LAST)
def test_the_last_admin_stays(replica: Replica, admin: dict[str, str], method: str, path: str, body: Any) -> None:
    replica.service.users.create("eve", PASSWORD, ["admin"])
    replica.service.users.disable("eve")  # a disabled admin cannot administer, so it doesn't count
    answer = replica.http.request(method, path, json=body, headers=admin)
    assert (answer.status_code, answer.json()["title"]) == (409, "The last admin stays")
    replica.service.users.enable("eve")
    assert replica.http.request(method, path, json=body, headers=admin).status_code in (200, 204)


ENDINGS = ["remove", "disable", "demote"]


def end(users: Users, how: str, name: str) -> None:
    if how == "remove":
        users.remove(name)
    elif how == "disable":
        users.disable(name)
    else:
        users.revoke(name, "admin")


@pytest.mark.parametrize("hows", list(itertools.product(ENDINGS, ENDINGS)), ids="-".join)
def test_two_admins_cannot_end_each_other(replica: Replica, other: Replica, hows: tuple[str, str]) -> None:
    replica.service.users.create("eve", PASSWORD, ["admin"])
    names, users = ("ada", "eve"), (replica.service.users, other.service.users)

    def attack(i: int) -> bool:
        try:
            end(users[i], hows[i], names[i])
        except LastAdmin:
            return False
        return True

    assert sorted(at_once(2, attack)) == [False, True]


def test_many_admins_ended_at_once_leave_one(replica: Replica, other: Replica, records: Records) -> None:
    names = ["ada"] + [f"admin{i}" for i in range(11)]
    for name in names[1:]:
        replica.service.users.create(name, PASSWORD, ["admin"])

    def attack(i: int) -> None:
        with contextlib.suppress(LastAdmin):
            end((replica, other)[i % 2].service.users, ENDINGS[i % 3], names[i])

    at_once(len(names), attack)
    left = [user for user in replica.service.users.page().users if user.administers]
    assert len(left) == 1
    record = records.get(ADMINS)
    assert record is not None
    assert record.value == {"names": [left[0].name]}


def test_one_name_added_by_many_at_once_is_one_user(replica: Replica, other: Replica, admin: dict[str, str]) -> None:
    def add(i: int) -> int:
        body = NEW | {"password": f"{PASSWORD} {i}"}
        return (replica, other)[i % 2].http.post("/v1/users", json=body, headers=admin).status_code

    answers = at_once(8, add)
    assert sorted(answers) == [201] + [409] * 7
    assert replica.login("cleo", f"{PASSWORD} {answers.index(201)}").status_code == 200


def test_no_change_is_lost_between_replicas(replica: Replica, other: Replica) -> None:
    changes = [
        lambda: replica.service.users.grant("bob", "admin"),
        lambda: other.service.users.grant("bob", "viewer"),
        lambda: replica.service.users.set_password("bob", "another pass phrase"),
        lambda: other.service.users.revoke("bob", "submitter"),
    ]
    at_once(len(changes), lambda i: changes[i]())
    assert replica.service.users.get("bob").roles == ("viewer", "admin")
    assert replica.login("bob", "another pass phrase").status_code == 200


@given(st.text(max_size=70) | st.from_regex(r"[a-z0-9._-]{1,64}", fullmatch=True))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_a_name_is_a_kubernetes_label_value_or_refused(replica: Replica, name: str) -> None:
    fits = (
        re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])", name) and len(name) <= 63 and name == name.lower()
    )
    try:
        user = replica.service.users.find(name) or replica.service.users.create(name, PASSWORD, ["viewer"])
        assert fits
        assert user.name == name
    except BadName:
        assert not fits or not name.isascii()


def test_a_demo_user_may_have_any_password(empty_records: Records, clock: Clock) -> None:
    users = Users(empty_records, now=clock)
    assert users.create("guest", "guest", ["submitter"], any_password=True).roles == ("submitter",)
