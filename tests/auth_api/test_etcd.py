"""The promises that hang on compare-and-set, once more on a real etcd: two replicas, each with its own connection."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from fanfold_auth.accounts.throttle import ACCOUNT_AND_ADDRESS
from fanfold_auth.keys.keys import KEYS
from fanfold_auth.refusals import LastAdmin
from fanfold_auth.settings import Settings
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Records, Write
from fanfold_storage.urls import open_records
from tests.auth_api.service import PASSWORD, Clock, Replica, start_replica
from tests.auth_api.test_api_tokens import access, claims, create, token
from tests.servers import EtcdCluster, etcd
from tests.waiting import at_once


@pytest.fixture
def stores(etcd_server: EtcdCluster) -> Iterator[list[Records]]:
    stores = [open_records(etcd_server.url) for _ in range(2)]
    for record in stores[0].scan("auth/", limit=1000).records:
        stores[0].transact([], [Write(record.key, None)])
    yield stores
    for store in stores:
        store.close()


@pytest.fixture
def replicas(settings: Settings, stores: list[Records], ring: dict[str, Any], clock: Clock) -> list[Replica]:
    stores[0].transact([], [Write(KEYS, ring)])
    replicas = [start_replica(settings, store, clock) for store in stores]
    for name in ("ada", "eve"):
        replicas[0].service.users.create(name, PASSWORD, ["admin"])
    return replicas


@pytest.mark.thorough
def test_each_serves_the_others_users_tokens_and_refreshes(replicas: list[Replica]) -> None:
    one, two = replicas
    tokens = two.tokens("ada")
    assert one.me(tokens["access_token"]).json()["name"] == "ada"
    successor = one.refresh(tokens["refresh_token"]).json()
    assert two.refresh(successor["refresh_token"]).status_code == 200
    page = two.http.get("/v1/users?limit=1", headers=one.bearer("ada")).json()
    assert [user["name"] for user in page["items"]] == ["ada"]
    rest = one.http.get(f"/v1/users?cursor={page['cursor']}", headers=one.bearer("ada")).json()
    assert ([user["name"] for user in rest["items"]], rest["cursor"]) == (["eve"], None)


def test_one_first_key(
    settings: Settings, stores: list[Records], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanfold_auth.keys.keys.BITS", 2048)
    replicas = [start_replica(settings, store, clock) for store in stores]
    one, two = at_once(2, lambda i: replicas[i].service.keys.signing()[0])
    assert one == two


def test_twenty_refreshes_at_once_get_one_successor(replicas: list[Replica]) -> None:
    token = replicas[0].tokens("ada")["refresh_token"]
    answers = at_once(20, lambda i: replicas[i % 2].refresh(token).json()["refresh_token"])
    assert len(set(answers)) == 1
    assert replicas[1].refresh(answers[0]).status_code == 200


def test_one_admin_is_left(replicas: list[Replica]) -> None:
    attacks: list[Callable[[], object]] = [
        lambda: replicas[0].service.users.disable("ada"),
        lambda: replicas[1].service.users.remove("eve"),
    ]

    def attack(i: int) -> bool:
        try:
            attacks[i]()
        except LastAdmin:
            return False
        return True

    assert sorted(at_once(2, attack)) == [False, True]
    assert sum(user.administers for user in replicas[0].service.users.page().users) == 1


def test_guesses_count_together(replicas: list[Replica]) -> None:
    answers = at_once(30, lambda i: replicas[i % 2].login("ada", f"wrong guess {i}").status_code)
    assert 1 <= answers.count(401) <= ACCOUNT_AND_ADDRESS.free
    assert set(answers) <= {401, 429, 503}


def test_replicas_that_all_went_leave_everything_to_the_next(
    settings: Settings, etcd_server: EtcdCluster, replicas: list[Replica], stores: list[Records], clock: Clock
) -> None:
    """Sessions, tokens, groups, what has ended, and what was guessed."""
    one, two = replicas
    session, admin = one.tokens("eve"), two.bearer("ada")
    one.http.put("/v1/users/eve/groups/choir", headers=admin).raise_for_status()
    ended = token(one, two.bearer("eve"), name="ended")
    kept, gone = token(two, one.bearer("eve")), access(one, ended)
    two.http.delete("/v1/tokens/ended", headers=two.bearer("eve")).raise_for_status()
    for number in range(ACCOUNT_AND_ADDRESS.free):
        two.login("ada", f"wrong guess {number}")
    for store in stores:
        store.close()
    again = [open_records(etcd_server.url) for _ in range(2)]
    try:
        three, four = (start_replica(settings, store, clock) for store in again)
        assert three.me(session["access_token"]).json()["groups"] == ["choir"]
        assert claims(four, kept).groups == ["submitter", "choir"]
        assert three.refresh(four.refresh(session["refresh_token"]).json()["refresh_token"]).status_code == 200
        assert four.me(gone).status_code == 401
        assert three.login("ada", "one guess more").status_code == 429
    finally:
        for store in again:
            store.close()


def test_names_of_tokens_are_unique_on_etcd_too(replicas: list[Replica]) -> None:
    who = replicas[0].bearer("ada")
    statuses = at_once(8, lambda i: create(replicas[i % 2], who, name=f"n{i % 2}").status_code)
    assert sorted(statuses) == [201, 201, 409, 409, 409, 409, 409, 409]


@pytest.mark.thorough
def test_an_etcd_without_space_is_not_ready_and_still_answers(
    settings: Settings, ring: dict[str, Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCD_QUOTA_BACKEND_BYTES", str(4 << 20))
    with etcd() as cluster, closing(open_records(cluster.url)) as records:
        records.transact([], [Write(KEYS, ring)])
        replica = start_replica(settings, records, clock)
        replica.service.users.create("bob", PASSWORD, ["viewer"])
        with pytest.raises(Unavailable, match="space is used up"):
            for number in range(100):
                records.transact([], [Write(f"auth/filling/{number}", {"text": "x" * 500_000})])
        answer = replica.http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("Not available: writing to the records.")
        assert replica.http.get("/v1/keys").status_code == 200
        assert replica.http.get("/healthz").status_code == 200
