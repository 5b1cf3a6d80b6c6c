"""Versions of records: replicas of the version before and after serve together, and a migration takes nothing away."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest

from fanfold_auth.accounts import migration
from fanfold_auth.accounts.migration import AT_ONCE, MIGRATION, migrate, pending
from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.accounts.schema import SCHEMA, VERSION
from fanfold_auth.accounts.users import USERS, Users
from fanfold_auth.refusals import OldRecords
from fanfold_storage.records.protocol import Conflict, Expect, Records, Write, scan_all
from fanfold_web.command import CannotServe
from tests.auth_api.service import CHEAP, PASSWORD, Clock, Replica, start_replica

HASHING = Hashing(CHEAP)


@dataclass(frozen=True)
class OldUser:
    """A user as the version before versions knew them: any other field is an error there."""

    id: str
    name: str
    roles: tuple[str, ...]
    disabled: bool
    created: float
    epoch: str
    stamp: str
    password: str


class OldReplica:
    """What that version did with users: it built them from all fields of a record, and wrote back what it knew."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def find(self, name: str) -> OldUser | None:
        record = self.records.get(USERS + name)
        return _old(record.value) if record else None

    def create(self, name: str) -> None:
        user = OldUser(f"id-{name}", name, ("submitter",), False, 1.0, "e", "s", HASHING._argon.hash(PASSWORD))
        assert not isinstance(self.records.transact([Expect(USERS + name, 0)], [_write(user)]), Conflict)

    def enable(self, name: str, *, disabled: bool) -> None:
        while True:
            record = self.records.get(USERS + name)
            assert record
            after = replace(_old(record.value), disabled=disabled)
            expected = Expect(record.key, record.revision)
            if not isinstance(self.records.transact([expected], [_write(after)]), Conflict):
                return


def _old(value: dict[str, Any]) -> OldUser:
    fields = dict(value)
    fields.setdefault("id", fields["name"])
    fields.setdefault("stamp", fields["epoch"])
    return OldUser(roles=tuple(fields.pop("roles")), **fields)


def _write(user: OldUser) -> Write:
    return Write(USERS + user.name, asdict(user) | {"roles": list(user.roles)})


@pytest.fixture
def old(records: Records) -> OldReplica:
    """A replica of the version before, and what it has stored."""
    old = OldReplica(records)
    for name in ("cleo", "dan"):
        old.create(name)
    return old


@pytest.fixture
def new(old: OldReplica, records: Records, settings: Any, clock: Clock) -> Replica:
    return start_replica(settings, records, clock)


def versions(records: Records) -> list[int]:
    return [record.value.get("version", 1) for record in scan_all(records, USERS).records]


def test_a_new_installation_begins_with_the_newest_version(replica: Replica, records: Records) -> None:
    schema = records.get(SCHEMA)
    assert schema and schema.value == {"version": VERSION}
    assert versions(records) == [VERSION, VERSION]


def test_before_the_migration_both_versions_serve_each_others_users(
    old: OldReplica, new: Replica, records: Records
) -> None:
    assert new.me(new.tokens("cleo")["access_token"]).json()["groups"] == []
    new.service.users.create("eve", PASSWORD, ["admin"])
    new.service.users.grant("dan", "viewer")
    new.service.users.disable("dan")
    dan, eve = old.find("dan"), old.find("eve")
    assert dan and (dan.roles, dan.disabled) == (("viewer", "submitter"), True)
    assert eve and eve.roles == ("admin",)
    old.enable("dan", disabled=False)
    assert new.login("dan").status_code == 200
    assert set(versions(records)) == {1}


def test_groups_wait_for_the_migration_and_say_so(old: OldReplica, new: Replica, records: Records) -> None:
    new.service.users.create("eve", PASSWORD, ["admin"])
    refused = new.http.put("/v1/users/dan/groups/choir", headers=new.bearer("eve"))
    assert refused.status_code == 409 and "fanfold_auth migrate" in refused.json()["detail"]
    with pytest.raises(OldRecords):
        new.service.users.join("dan", "choir")
    assert old.find("dan")
    assert migrate(records, new.service.users) == 3
    assert new.service.users.join("dan", "choir").groups == ("choir",)


def test_it_rewrites_all_once_and_changes_nothing_else(old: OldReplica, new: Replica, records: Records) -> None:
    for number in range(AT_ONCE + 3):
        old.create(f"u{number:03}")
    records.transact([], [Write(f"{USERS}ancient", _ancient(records))])
    before = {user.name: user for user in _all(new.service.users)}
    assert migrate(records, new.service.users) == AT_ONCE + 6
    assert {user.name: user for user in _all(new.service.users)} == before
    assert set(versions(records)) == {VERSION}
    assert before["ancient"].id == "ancient"
    revision = records.scan("auth/", limit=1).revision
    assert migrate(records, new.service.users) == 0
    assert records.scan("auth/", limit=1).revision == revision


def _ancient(records: Records) -> dict[str, Any]:
    record = records.get(f"{USERS}cleo")
    assert record
    kept = {field: value for field, value in record.value.items() if field not in {"id", "stamp"}}
    return kept | {"name": "ancient", "epoch": "e-ancient"}


def _all(users: Users) -> Iterator[Any]:
    page = users.page(limit=500)
    assert page.after is None
    yield from page.users


@pytest.mark.parametrize("writes", range(1, 12))
def test_killed_after_any_write_it_goes_on(
    old: OldReplica, new: Replica, records: Records, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    monkeypatch.setattr(migration, "AT_ONCE", 2)
    for number in range(5):
        old.create(f"u{number}")
    killed = _Killed(records, writes)
    try:
        migrate(killed, Users(killed, HASHING, Clock()))
    except KeyboardInterrupt:
        assert new.login("cleo").status_code == 200, "half of it is no harm"
    migrate(records, new.service.users)
    assert set(versions(records)) == {VERSION} and len(versions(records)) == 7
    assert new.login("u4").status_code == 200


class _Killed:
    """Records of a process that is killed before a write."""

    def __init__(self, records: Records, writes: int) -> None:
        self.get, self.scan, self._records = records.get, records.scan, records
        self._left = writes

    def transact(self, *transaction: Any) -> Any:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        return self._records.transact(*transaction)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


def test_it_runs_while_replicas_serve_and_loses_no_change(
    old: OldReplica, new: Replica, records: Records, settings: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One replica changes users all the time, another logs them in, and two migrations run."""
    monkeypatch.setattr(migration, "AT_ONCE", 3)
    for number in range(12):
        old.create(f"u{number:02}")
    names = [record.value["name"] for record in scan_all(records, USERS).records]
    other, done, failures = start_replica(settings, records, clock), threading.Event(), []

    def always(act: Callable[[str], object]) -> None:
        for name in itertools.cycle(names):
            if done.is_set():
                return
            try:
                act(name)
            except Exception as error:
                failures.append(error)
                return

    def change(name: str) -> None:
        new.service.users.grant(name, "viewer")
        new.service.users.set_password(name, f"{PASSWORD} {name}")

    def look(name: str) -> None:
        assert other.service.users.get(name).id == f"id-{name}"
        assert other.service.users.page(limit=100).users

    threads = [threading.Thread(target=always, args=(act,)) for act in (change, look)]
    movers = [threading.Thread(target=migrate, args=(records, replica.service.users)) for replica in (new, other)]
    for thread in [*threads, *movers]:
        thread.start()
    for thread in movers:
        thread.join(60)
    done.set()
    for thread in threads:
        thread.join(60)
    assert not failures, failures
    for name in names:
        change(name)
    assert set(versions(records)) == {VERSION}
    assert all(other.service.users.get(name).roles == ("viewer", "submitter") for name in names)
    assert other.login(names[0], f"{PASSWORD} {names[0]}").status_code == 200


def test_nobody_writes_an_older_version_once_it_has_begun(old: OldReplica, new: Replica, records: Records) -> None:
    """A replica that had read the version before, and was paused in between, conflicts."""
    paused = _Paused(records, lambda: migrate(records, new.service.users))
    Users(paused, HASHING, Clock()).grant("dan", "viewer")
    records.transact([], [Write(SCHEMA, None), Write(MIGRATION, None)])
    paused = _Paused(records, lambda: migrate(records, new.service.users))
    Users(paused, HASHING, Clock()).create("eve", PASSWORD, ["viewer"])
    assert set(versions(records)) == {VERSION} and len(versions(records)) == 3
    assert new.service.users.get("dan").roles == ("viewer", "submitter")


class _Paused(_Killed):
    """Records of a process during whose first write something else happens."""

    def __init__(self, records: Records, meanwhile: Callable[[], object]) -> None:
        super().__init__(records, 0)
        self._meanwhile: Callable[[], object] | None = meanwhile

    def transact(self, *transaction: Any) -> Any:
        if meanwhile := self._meanwhile:
            self._meanwhile = None
            meanwhile()
        return self._records.transact(*transaction)


def test_what_the_next_version_adds_is_read_and_kept(replica: Replica, records: Records) -> None:
    record = records.get(f"{USERS}bob")
    assert record
    newer = record.value | {"version": VERSION + 1, "pronouns": "they"}
    records.transact([], [Write(record.key, newer), Write(SCHEMA, {"version": VERSION + 1})])
    assert replica.login("bob").status_code == 200
    replica.service.users.grant("bob", "viewer")
    replica.service.users.create("cleo", PASSWORD, ["viewer"])
    after = records.get(f"{USERS}bob")
    assert after and after.value == newer | {"roles": ["viewer", "submitter"]}
    assert migrate(records, replica.service.users) == 0
    assert (records.get(MIGRATION) or record).value.get("version") == VERSION


def test_a_service_says_at_its_start_what_is_to_be_done(old: OldReplica, new: Replica, records: Records) -> None:
    assert pending(records)
    migrate(records, new.service.users)
    assert not pending(records)
    for version, starts in ((VERSION + 1, True), (VERSION + 2, False)):
        records.transact([], [Write(SCHEMA, {"version": version})])
        if starts:
            assert not pending(records)
        else:
            with pytest.raises(CannotServe, match="Start a newer one"):
                pending(records)


def test_where_nobody_is_stored_nothing_is_to_be_done(records: Records) -> None:
    assert not pending(records)
