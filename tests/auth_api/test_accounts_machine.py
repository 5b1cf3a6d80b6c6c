"""Users, groups, API tokens, access tokens and keys against a model, under any order of changes, on two replicas.

Whatever came before: a token is worth what its owner may now, nobody is locked out, nothing that was ended is valid,
and no token is signed by a key that wasn't published long enough before.
"""

import functools
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fanfold_auth.accounts.users import ROLES, Role
from fanfold_auth.keys import keys as keys_module
from fanfold_auth.keys.keys import KEYS, Keys
from fanfold_auth.refusals import ApiTokenExists, InvalidGrant, NoSuchApiToken, RotationPending
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.api_tokens import KEPT
from fanfold_storage.records.protocol import Write
from fanfold_storage.records.sqlite import SqliteRecords
from fanfold_web.refusals import Forbidden
from fanfold_web.tokens.authorization import SKEW
from tests.auth_api.service import PASSWORD, Clock, Replica, start_replica

NAMES, GROUPS, TOKENS = ("ann", "ben"), ("choir", "chess"), ("ci", "nightly")
REPLICAS = st.integers(0, 1)
MOST_ROTATIONS = 2  # in one run: making a key takes long


@functools.cache
def ring() -> tuple[Settings, dict[str, Any]]:
    """Settings, and a first key, made once."""
    folder = Path(tempfile.mkdtemp())
    (folder / "kek").write_bytes(os.urandom(32))
    settings = Settings(issuer="https://auth.example.org", kek_file=folder / "kek")
    records = SqliteRecords(folder / "records.db")
    Keys(settings, records, lambda: 0.0).signing()
    record = records.get(KEYS)
    records.close()
    assert record
    return settings, record.value


@pytest.fixture(autouse=True, scope="module")
def smaller_keys() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "BITS", 2048)
        yield


@dataclass
class Person:
    """What the model knows of a user; `ended` counts what has ended all access tokens."""

    id: str
    roles: set[Role] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    disabled: bool = False
    ended: int = 0


@dataclass
class Script:
    """An API token."""

    text: str
    name: str
    owner: Person
    role: Role
    expires: float
    revoked: bool = False


@dataclass
class Access:
    """An access token."""

    text: str
    owner: Person
    ended: int
    expires: float
    script: Script | None


class Accounts(RuleBasedStateMachine):
    """Two replicas on one store, and the model beside them."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)
        self.stores = [SqliteRecords(Path(self.folder.name) / "records.db") for _ in range(2)]
        self.clock = Clock()
        settings, keys = ring()
        self.stores[0].transact([], [Write(KEYS, keys)])
        self.replicas: list[Replica] = [start_replica(settings, store, self.clock) for store in self.stores]
        self.people: dict[str, Person] = {}
        self.scripts: list[Script] = []
        self.access: list[Access] = []
        self.rotations = 0

    @initialize()
    def root(self) -> None:
        self.replicas[0].service.users.create("root", PASSWORD, ["admin"])

    @rule(name=st.sampled_from(NAMES), roles=st.sets(st.sampled_from(ROLES), min_size=1), replica=REPLICAS)
    def add(self, name: str, roles: set[Role], replica: int) -> None:
        if name not in self.people:
            user = self.replicas[replica].service.users.create(name, PASSWORD, sorted(roles))
            assert user.groups == () and user.id not in {person.id for person in self.people.values()}
            self.people[name] = Person(user.id, set(roles))

    @rule(name=st.sampled_from(NAMES), replica=REPLICAS)
    def remove(self, name: str, replica: int) -> None:
        if person := self.people.pop(name, None):
            service = self.replicas[replica].service
            service.api_tokens.end_all(service.users.remove(name).id)
            person.ended += 1
            for script in self.of(person):
                script.revoked = True

    @rule(name=st.sampled_from(NAMES), disabled=st.booleans(), replica=REPLICAS)
    def disable_or_enable(self, name: str, disabled: bool, replica: int) -> None:
        if person := self.people.get(name):
            users = self.replicas[replica].service.users
            (users.disable if disabled else users.enable)(name)
            person.ended += disabled and not person.disabled
            person.disabled = disabled

    @rule(name=st.sampled_from(NAMES), role=st.sampled_from(ROLES), granted=st.booleans(), replica=REPLICAS)
    def change_role(self, name: str, role: Role, granted: bool, replica: int) -> None:
        if person := self.people.get(name):
            users = self.replicas[replica].service.users
            (users.grant if granted else users.revoke)(name, role)
            person.ended += not granted and role in person.roles
            person.roles = person.roles | {role} if granted else person.roles - {role}

    @rule(name=st.sampled_from(NAMES), group=st.sampled_from(GROUPS), joins=st.booleans(), replica=REPLICAS)
    def change_group(self, name: str, group: str, joins: bool, replica: int) -> None:
        if person := self.people.get(name):
            users = self.replicas[replica].service.users
            (users.join if joins else users.leave)(name, group)
            person.ended += not joins and group in person.groups
            person.groups = person.groups | {group} if joins else person.groups - {group}

    @rule(name=st.sampled_from(NAMES), replica=REPLICAS)
    def set_password(self, name: str, replica: int) -> None:
        if person := self.people.get(name):
            self.replicas[replica].service.users.set_password(name, PASSWORD)
            person.ended += 1

    @rule(name=st.sampled_from(NAMES), replica=REPLICAS)
    def log_in(self, name: str, replica: int) -> None:
        person = self.people.get(name)
        answer = self.replicas[replica].login(name)
        if person is None or person.disabled:
            assert answer.status_code in {401, 429}
        elif answer.status_code != 429:  # guesses for a user who wasn't there have counted
            assert answer.status_code == 200
            self.took(answer.json()["access_token"], person, None, sorted(person.roles, key=ROLES.index))

    @rule(
        name=st.sampled_from(NAMES),
        token=st.sampled_from(TOKENS),
        role=st.sampled_from(ROLES),
        seconds=st.sampled_from([60, 3600, 90 * 86400]),
        replica=REPLICAS,
    )
    def create_script(self, name: str, token: str, role: Role, seconds: int, replica: int) -> None:
        person, service = self.people.get(name), self.replicas[replica].service
        if person is None:
            return
        try:
            _, text = service.api_tokens.create(service.users.get(name), token, role, seconds)
        except Forbidden:
            assert self.highest(person) < ROLES.index(role)
        except ApiTokenExists:
            assert token in self.listed(person)
        else:
            assert self.highest(person) >= ROLES.index(role) and token not in self.listed(person)
            self.scripts.append(Script(text, token, person, role, self.clock() + seconds))

    @precondition(lambda self: self.scripts)
    @rule(data=st.data(), replica=REPLICAS)
    def exchange(self, data: st.DataObject, replica: int) -> None:
        script = data.draw(st.sampled_from(self.scripts), "script")
        service, person = self.replicas[replica].service, script.owner
        holds = not script.revoked and self.clock() < script.expires and not person.disabled
        try:
            user, token = service.api_tokens.redeem(script.text)
        except InvalidGrant:
            assert not holds
            return
        assert holds
        text = service.tokens.issue(user, via=token.stamp, until=token.expires)
        lower = min(self.highest(person), ROLES.index(script.role))
        self.took(text, person, script, [ROLES[lower]] if lower >= 0 else [])

    @precondition(lambda self: self.scripts)
    @rule(data=st.data(), by_text=st.booleans(), replica=REPLICAS)
    def revoke(self, data: st.DataObject, by_text: bool, replica: int) -> None:
        script = data.draw(st.sampled_from(self.scripts), "script")
        service = self.replicas[replica].service
        if by_text:
            service.api_tokens.revoke(script.text)
            script.revoked = True
        elif script.owner in self.people.values():
            name = next(name for name, person in self.people.items() if person is script.owner)
            listed = script.name in self.listed(script.owner)
            try:
                service.api_tokens.end(service.users.get(name), script.name)
            except NoSuchApiToken:
                assert not listed
            else:
                assert listed
                for other in self.of(script.owner):
                    other.revoked |= other.name == script.name and self.clock() < other.expires + KEPT

    @precondition(lambda self: self.rotations < MOST_ROTATIONS)
    @rule(replica=REPLICAS)
    def rotate(self, replica: int) -> None:
        try:
            self.replicas[replica].service.keys.rotate()
        except RotationPending:
            return
        self.rotations += 1

    @rule(seconds=st.sampled_from([1.0, 5.0, 59.0, 600.0, 900.0, 86400.0, KEPT]))
    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    @precondition(lambda self: self.access)
    @rule(data=st.data(), replica=REPLICAS)
    def look(self, data: st.DataObject, replica: int) -> None:
        access = data.draw(st.sampled_from(self.access[-6:]), "access token")
        holds = (
            access.owner in self.people.values()
            and not access.owner.disabled
            and access.ended == access.owner.ended
            and not (access.script and access.script.revoked)
            and self.clock() < access.expires + SKEW
        )
        assert self.replicas[replica].me(access.text).status_code == (200 if holds else 401)

    @invariant()
    def records_say_what_the_model_says(self) -> None:
        for replica in self.replicas:
            users = {user.name: user for user in replica.service.users.page().users}
            assert users.keys() == {"root", *self.people}
            for name, person in self.people.items():
                user = users[name]
                assert (user.id, {*user.roles}, {*user.groups}) == (person.id, person.roles, person.groups)
                assert [token.name for token in replica.service.api_tokens.of(user)] == sorted(self.listed(person))
            groups = {group.name: group.members for group in replica.service.groups.page()[0]}
            members = [group for person in self.people.values() for group in person.groups]
            assert groups == {group: members.count(group) for group in members}

    def took(self, text: str, person: Person, script: Script | None, roles: list[str]) -> None:
        """An access token was issued: it says what the model says, and its key was published before."""
        claims = jwt.decode(text, options={"verify_signature": False})
        assert (claims["sub"], claims["roles"]) == (person.id, roles)
        assert claims["groups"] == [*roles, *sorted(person.groups)]
        most = script.expires if script else claims["exp"]
        assert claims["exp"] <= max(most, self.clock() + 1)
        record = self.stores[1].get(KEYS)
        assert record
        kid = jwt.get_unverified_header(text)["kid"]
        key = next(key for key in record.value["keys"] if key["kid"] == kid)
        published = ring()[0].publish_seconds if key["created"] else 0
        assert key["created"] + published <= self.clock(), "signed by a key that verifiers may not know yet"
        self.access.append(Access(text, person, person.ended, claims["exp"], script))

    def of(self, person: Person) -> list[Script]:
        return [script for script in self.scripts if script.owner is person]

    def listed(self, person: Person) -> set[str]:
        """The names of tokens that a person has, also of those that expired in the last month."""
        kept = self.clock() - KEPT
        return {script.name for script in self.of(person) if not script.revoked and script.expires > kept}

    def highest(self, person: Person) -> int:
        return max(map(ROLES.index, person.roles), default=-1)

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()


TestAccounts = pytest.mark.thorough(Accounts.TestCase)
TestAccounts.settings = hypothesis_settings(max_examples=25, stateful_step_count=30, deadline=None)
