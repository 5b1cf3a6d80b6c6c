"""Every write of the auth service: the process dies before or after it, and half of what it was doing is no harm.

Each of twenty seeds makes a program of changes. It is run once for each write in it and each side of that write. The
process that runs it dies there; another one on the same records checks them, does the interrupted change again, and
goes on. Nobody is locked out, nothing that was ended is valid, and no family or token is worth something twice.
"""

import random
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from fanfold_auth.accounts.groups import GROUPS
from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.accounts.users import ADMINS, USERS
from fanfold_auth.keys.keys import KEYS
from fanfold_auth.refusals import ApiTokenExists, InvalidGrant, NoSuchUser, RotationPending, UserExists, WrongPassword
from fanfold_auth.service import Service, wire
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.api_tokens import BY_HASH, OF_USER
from fanfold_auth.tokens.sessions import FAMILIES, Source
from fanfold_storage.records.protocol import Records, Write, scan_all
from fanfold_storage.records.sqlite import SqliteRecords
from tests.auth_api.service import CHEAP, Clock

SEEDS = 20
STEPS = 8
HASHING = Hashing(CHEAP)
NAMES = ("ann", "ben")
PASSWORDS = ("a long pass phrase", "another long pass phrase")
ADDRESS = "192.0.2.1"


class Killed(BaseException):
    """The process is gone; nothing catches this."""


class Wired:
    """Records of a process that dies before or after its write number `point`."""

    def __init__(self, records: Records, point: int, *, after: bool) -> None:
        self._records, self._point, self._after, self.writes = records, point, after, 0

    def transact(self, *transaction: Any) -> Any:
        self.writes += 1
        if self.writes == self._point and not self._after:
            raise Killed
        answer = self._records.transact(*transaction)
        if self.writes == self._point:
            raise Killed
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


class World:
    """What whoever uses the service has been told, and holds."""

    def __init__(self, settings: Settings, records: Records, ring: dict[str, Any]) -> None:
        self.settings, self.records, self.clock = settings, records, Clock()
        records.transact([], [Write(KEYS, ring)])
        users = self.process(records).users
        users.create("root", PASSWORDS[0], ["admin"])
        for name in NAMES:
            users.create(name, PASSWORDS[0], ["submitter"])
        self.passwords: dict[str, set[str]] = {name: {PASSWORDS[0]} for name in NAMES}
        self.families: list[str] = []
        self.tokens: list[str] = []
        self.revoked: set[str] = set()

    def process(self, records: Records) -> Service:
        return wire(self.settings, records, self.clock, HASHING)

    # The changes: each may be done again after a crash.

    def log_in(self, service: Service, name: str) -> None:
        for password in self.passwords[name]:
            with suppress(WrongPassword):
                self.families.append(service.log_in(name, password, Source(ADDRESS))[1])
                return

    def refresh(self, service: Service, _: str) -> None:
        if self.families:
            with suppress(InvalidGrant):
                self.families[-1] = service.refreshes.rotate(self.families[-1])[1]

    def set_password(self, service: Service, name: str) -> None:
        self.passwords[name] = {*PASSWORDS}  # until one of them is known to be it
        service.users.set_password(name, PASSWORDS[1])
        self.passwords[name] = {PASSWORDS[1]}

    def create_token(self, service: Service, name: str) -> None:
        user = service.users.get(name)
        with suppress(ApiTokenExists):
            self.tokens.append(service.api_tokens.create(user, f"t{len(self.tokens) % 3}", "viewer", 3600.0)[1])

    def exchange(self, service: Service, _: str) -> None:
        self.clock.forward(61)
        for text in self.tokens[-2:]:
            with suppress(InvalidGrant):
                service.api_tokens.redeem(text)

    def revoke_token(self, service: Service, _: str) -> None:
        if self.tokens:
            service.api_tokens.revoke(self.tokens[-1])
            self.revoked.add(self.tokens[-1])

    def join(self, service: Service, name: str) -> None:
        service.users.join(name, "choir")

    def leave(self, service: Service, name: str) -> None:
        service.users.leave(name, "choir")

    def promote(self, service: Service, name: str) -> None:
        service.users.grant(name, "admin")

    def demote(self, service: Service, name: str) -> None:
        service.users.revoke(name, "admin")

    def disable_and_enable(self, service: Service, name: str) -> None:
        service.users.disable(name)
        service.users.enable(name)

    def replace_user(self, service: Service, name: str) -> None:
        """Remove a user and all that is theirs, and add one of the same name."""
        with suppress(NoSuchUser):
            service.api_tokens.end_all(service.users.remove(name).id)
        self.passwords[name] = {PASSWORDS[0]}
        with suppress(UserExists):
            service.users.create(name, PASSWORDS[0], ["submitter"])

    def rotate(self, service: Service, _: str) -> None:
        with suppress(RotationPending):
            service.keys.rotate()
        self.clock.forward(300)

    def check(self) -> None:
        """What must hold at any moment, for a process that has just started."""
        service = self.process(self.records)
        users = {record.value["name"]: record.value for record in scan_all(self.records, USERS).records}
        admins = self.records.get(ADMINS)
        administering = [name for name, user in users.items() if "admin" in user["roles"] and not user["disabled"]]
        assert admins and admins.value["names"] == sorted(administering) and "root" in administering
        members = {record.key.removeprefix(GROUPS) for record in scan_all(self.records, GROUPS).records}
        assert members == {f"{group}/{name}" for name, user in users.items() for group in user["groups"]}
        ids = {user["id"] for user in users.values()}
        named = {
            entry["hash"]
            for record in scan_all(self.records, OF_USER).records
            for entry in record.value["tokens"].values()
        }
        hashes = {record.key.removeprefix(BY_HASH): record.value for record in scan_all(self.records, BY_HASH).records}
        assert named == hashes.keys(), "each token is in its owner's list, and the list has no other"
        for text in self.tokens:
            with suppress(InvalidGrant):
                assert service.api_tokens.redeem(text)[0].id in ids and text not in self.revoked
        kid, _ = service.keys.signing()
        assert kid in {key.kid for key in service.keys.published()}
        assert any(key.kid == kid and key.signs_from <= self.clock() for key in service.keys.published())

    def check_at_the_end(self) -> None:
        """Nobody is locked out, and of each family one token is left."""
        service = self.process(self.records)
        for name, passwords in self.passwords.items():
            for password in passwords:
                with suppress(WrongPassword):
                    assert service.check_password(name, password, ADDRESS).name == name
                    break
            else:
                pytest.fail(f"{name} can't log in")
        for token in {*self.families}:
            try:
                _, successor = service.refreshes.rotate(token)
            except InvalidGrant:
                continue
            assert service.refreshes.rotate(token)[1] == successor, "a response that was lost can be had again"
            self.clock.forward(11)
            with pytest.raises(InvalidGrant):
                service.refreshes.rotate(token)
            with pytest.raises(InvalidGrant):
                service.refreshes.rotate(successor)
        assert len(scan_all(self.records, FAMILIES).records) <= len(self.families) + STEPS


CHANGES = [
    World.log_in, World.refresh, World.set_password, World.create_token, World.exchange, World.revoke_token, World.join,
    World.leave, World.promote, World.demote, World.disable_and_enable, World.replace_user, World.rotate,
]  # fmt: skip
Change = Callable[[World, Service, str], None]


def program(seed: int) -> list[tuple[Change, str]]:
    """Some changes, in some order, of which the first ones give the others something to change."""
    choice = random.Random(seed)
    first = [World.log_in, World.create_token, World.join]
    steps = [*first, *(choice.choice(CHANGES) for _ in range(STEPS))]
    return [(step, choice.choice(NAMES)) for step in steps]


def run(seed: int, settings: Settings, ring: dict[str, Any], point: int, *, after: bool) -> int:
    """Run a seed's program, killing the first process at a point; how many writes that process has made."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        closing(SqliteRecords(Path(folder) / "r.db")) as records,
    ):
        world = World(settings, records, ring)
        wired = Wired(records, point, after=after)
        service = world.process(wired)
        for change, name in program(seed):
            try:
                change(world, service, name)
            except Killed:
                world.check()
                service = world.process(records)
                change(world, service, name)
                world.check()
        world.check()
        world.check_at_the_end()
        return wired.writes


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_at_any_write(
    seed: int, settings: Settings, ring: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanfold_auth.keys.keys.BITS", 1024)
    writes = run(seed, settings, ring, 0, after=False)
    assert writes >= 4
    for point in range(1, writes + 1):
        for after in (False, True):
            run(seed, settings, ring, point, after=after)
