"""Groups: who is in which, what tokens say of it, and that they say it no longer once somebody has left."""

from typing import Any

import pytest

from fanfold_auth.accounts import groups
from fanfold_auth.accounts.groups import GROUPS
from fanfold_storage.records.protocol import Records, scan_all
from tests.auth_api.service import PASSWORD, Replica
from tests.auth_api.test_api_tokens import claims, token
from tests.waiting import at_once


def join(replica: Replica, admin: dict[str, str], name: str, group: str) -> Any:
    return replica.http.put(f"/v1/users/{name}/groups/{group}", headers=admin)


def leave(replica: Replica, admin: dict[str, str], name: str, group: str) -> Any:
    return replica.http.delete(f"/v1/users/{name}/groups/{group}", headers=admin)


def claimed(replica: Replica, name: str) -> list[str]:
    return replica.service.tokens.verify(replica.tokens(name)["access_token"]).groups


def test_a_group_is_there_as_long_as_somebody_is_in_it(replica: Replica, other: Replica, admin: dict[str, str]) -> None:
    assert replica.http.get("/v1/groups", headers=admin).json() == {"items": [], "cursor": None}
    assert join(replica, admin, "bob", "analysts").json()["groups"] == ["analysts"]
    join(other, admin, "ada", "analysts").raise_for_status()
    join(other, admin, "bob", "choir").raise_for_status()
    assert join(replica, admin, "bob", "choir").json()["groups"] == ["analysts", "choir"]
    listed = other.http.get("/v1/groups", headers=admin).json()["items"]
    assert listed == [{"name": "analysts", "members": 2}, {"name": "choir", "members": 1}]
    assert replica.http.get("/v1/groups/analysts", headers=admin).json()["members"] == ["ada", "bob"]
    assert leave(replica, admin, "bob", "choir").json()["groups"] == ["analysts"]
    assert replica.http.get("/v1/groups/choir", headers=admin).status_code == 404
    assert leave(replica, admin, "bob", "choir").status_code == 200


def test_pages_of_groups(replica: Replica, admin: dict[str, str]) -> None:
    names = ["a", "a-b", "a.b", "ab", "b"]
    for name in names:
        for user in ("ada", "bob"):
            join(replica, admin, user, name).raise_for_status()
    found, cursor = [], ""
    while True:
        page = replica.http.get(f"/v1/groups?limit=2&cursor={cursor}", headers=admin).json()
        found += page["items"]
        if not (cursor := page["cursor"]):
            break
    assert sorted(group["name"] for group in found) == names
    assert all(group["members"] == 2 for group in found)
    assert replica.http.get("/v1/groups?cursor=..", headers=admin).status_code == 400


def test_a_token_names_roles_and_groups(replica: Replica, other: Replica, admin: dict[str, str]) -> None:
    text = token(replica, admin, role="viewer")
    before = replica.tokens("ada")["refresh_token"]
    join(replica, admin, "ada", "analysts").raise_for_status()
    assert claimed(replica, "ada") == ["admin", "analysts"]
    assert claims(other, text).groups == ["viewer", "analysts"]
    refreshed = other.refresh(before).json()["access_token"]
    assert replica.service.tokens.verify(refreshed).groups == ["admin", "analysts"]


def test_whoever_leaves_has_no_token_that_names_the_group(
    replica: Replica, other: Replica, admin: dict[str, str]
) -> None:
    join(replica, admin, "bob", "analysts").raise_for_status()
    tokens = replica.tokens("bob")
    text = token(replica, replica.bearer("bob"))
    stamp = claims(replica, text).stamp
    leave(other, admin, "bob", "analysts").raise_for_status()
    assert replica.me(tokens["access_token"]).status_code == 401
    assert stamp in other.http.get("/v1/keys").json()["ended"]
    assert claims(replica, text).groups == ["submitter"]
    refreshed = replica.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200, "the login goes on"
    assert replica.service.tokens.verify(refreshed.json()["access_token"]).groups == ["submitter"]


@pytest.mark.parametrize("group", ["viewer", "submitter", "admin", "Team", "two words", "a" * 64, "-a", "é"])
def test_no_group_is_named_as_a_role_or_out_of_form(replica: Replica, admin: dict[str, str], group: str) -> None:
    refused = join(replica, admin, "bob", group)
    assert refused.status_code == 422 and "not a group's name" in refused.json()["detail"]
    assert replica.service.users.get("bob").groups == ()


def test_a_user_is_in_so_many(replica: Replica, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert groups.MOST_GROUPS == 20
    monkeypatch.setattr(groups, "MOST_GROUPS", 2)
    for group in ("a", "b"):
        join(replica, admin, "bob", group).raise_for_status()
    assert join(replica, admin, "bob", "c").status_code == 409
    assert join(replica, admin, "bob", "b").status_code == 200


def test_a_removed_user_is_in_none_and_a_namesake_neither(
    replica: Replica, admin: dict[str, str], records: Records
) -> None:
    join(replica, admin, "bob", "analysts").raise_for_status()
    replica.http.delete("/v1/users/bob", headers=admin).raise_for_status()
    assert scan_all(records, GROUPS).records == []
    replica.service.users.create("bob", PASSWORD, ["viewer"])
    assert claimed(replica, "bob") == ["viewer"]


def test_members_are_those_whose_records_say_so_whoever_changes_them_at_once(
    replica: Replica, other: Replica, admin: dict[str, str], records: Records
) -> None:
    replicas = [replica, other]

    def change(i: int) -> int:
        way = join if i % 3 else leave
        return int(way(replicas[i % 2], admin, ("ada", "bob")[i % 4 // 2], f"g{i % 5}").status_code)

    assert set(at_once(20, change)) <= {200, 503}
    said = {(group, user.name) for user in replica.service.users.page().users for group in user.groups}
    listed = {tuple(record.key.removeprefix(GROUPS).split("/")) for record in scan_all(records, GROUPS).records}
    assert said == listed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/groups"), ("GET", "/v1/groups/x"), ("PUT", "/v1/users/bob/groups/x"),
        ("DELETE", "/v1/users/bob/groups/x"),
    ],
)  # fmt: skip
def test_groups_are_for_admins(replica: Replica, method: str, path: str) -> None:
    assert replica.http.request(method, path).status_code == 401
    assert replica.http.request(method, path, headers=replica.bearer("bob")).status_code == 403
    assert replica.service.users.get("bob").groups == ()


def test_groups_of_nobody(replica: Replica, admin: dict[str, str]) -> None:
    assert join(replica, admin, "nobody", "x").status_code == 404
    assert replica.http.get("/v1/groups/..", headers=admin).status_code == 404
