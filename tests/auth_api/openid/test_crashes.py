"""Every write of the provider: the process dies before or after it, and what is left is whole.

Each seed is another life before the crash. A tripwire counts the transactions of one operation and kills the process at
each of them in turn; then another replica goes on.
"""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanfold_auth.openid.clients import CLIENTS
from fanfold_auth.openid.devices import DEVICES, USER_CODES, WAITING
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.sessions import FAMILIES, SESSIONS
from fanfold_storage.records import scan_all
from fanfold_storage.records.sqlite import SqliteRecords
from fanfold_web.refusals import Refusal
from tests.auth_api.openid.world import (
    APPLICATION,
    NAMES,
    SECRET,
    SOURCE,
    code_for,
    exchange,
    log_in,
    memory_folder,
    people,
    poll_device,
    refresh,
    service_on,
)
from tests.auth_api.service import PASSWORD, Clock

SEEDS = 20


class Killed(BaseException):
    """The process is gone; nothing catches this."""


class Dying:
    """Records whose process dies before or after a transaction."""

    def __init__(self, records: SqliteRecords, point: int, after: bool) -> None:
        self._records, self.point, self._after, self.calls = records, point, after, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def transact(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls == self.point and not self._after:
            raise Killed
        answer = self._records.transact(*arguments)
        if self.calls == self.point:
            raise Killed
        return answer


class Life:
    """Some logins, codes, tokens and devices, and one operation that is about to crash."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.random = service, random.Random(seed)
        people(service)
        service.openid.clients.put(APPLICATION, SECRET)
        self.name = self.random.choice(NAMES)
        self.sessions = [log_in(service, self.random.choice(NAMES)) for _ in range(self.random.randint(0, 2))]
        self.session, self.cookie = log_in(service, self.name)
        for _ in range(self.random.randint(0, 2)):
            exchange(service, code_for(service, self.session, self.random.choice(["openid", "openid offline_access"])))
        self.code = code_for(service, self.session, "openid offline_access")
        self.token = self.random_refresh()
        self.device, self.shown = service.openid.devices.start("192.0.2.1")

    def random_refresh(self) -> str:
        code = code_for(self.service, self.session, "openid offline_access")
        token = exchange(self.service, code)[0].refresh_token
        assert token
        for _ in range(self.random.randint(0, 2)):
            token = refresh(self.service, token)[0].refresh_token
            assert token
        return token


def use_code(life: Life, service: Service) -> None:
    exchange(service, life.code)


def use_code_again(life: Life, service: Service) -> None:
    exchange(life.service, life.code)
    with contextlib.suppress(InvalidGrant):
        exchange(service, life.code)


def issue_code(life: Life, service: Service) -> None:
    code_for(service, life.session)


def log_in_again(life: Life, service: Service) -> None:
    log_in(service, life.name, life.session)


def log_in_with_the_command(life: Life, service: Service) -> None:
    service.refreshes.start(service.users.get(life.name))


def renew(life: Life, service: Service) -> None:
    refresh(service, life.token)


def log_out(life: Life, service: Service) -> None:
    service.end_session(life.session)


def log_out_everywhere(life: Life, service: Service) -> None:
    service.users.log_out(life.name)


def register(life: Life, service: Service) -> None:
    service.openid.clients.put(APPLICATION, SECRET[::-1])


def forget(life: Life, service: Service) -> None:
    service.openid.clients.remove(APPLICATION.id)


def start_device(life: Life, service: Service) -> None:
    service.openid.devices.start("192.0.2.1")


def decide_device(life: Life, service: Service) -> None:
    user = service.users.get(life.name)
    service.openid.devices.decide(life.session, service.openid.devices.guess(user, life.shown), allow=True)


def use_device(life: Life, service: Service) -> None:
    life.service.openid.devices.decide(life.session, life.shown, allow=True)
    poll_device(service, life.device)


Operation = Callable[[Life, Service], None]
Replica = Callable[[Any], Service]
OPERATIONS: list[Operation] = [
    use_code, use_code_again, issue_code, log_in_again, log_in_with_the_command, renew, log_out, log_out_everywhere,
    register, forget, start_device, decide_device, use_device,
]  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_a_crash_leaves_nothing_half_done(
    operation: Operation, after: bool, settings: Settings, ring: dict[str, Any]
) -> None:
    clock = Clock()

    def replica(records: Any) -> Service:
        return service_on(records, settings, ring, clock)

    for seed in range(SEEDS):
        point = 1
        while _crash(operation, point, after, replica, seed):
            point += 1
            assert point < 20
        assert point > 1, "it writes nothing"


def _crash(operation: Operation, point: int, after: bool, replica: Replica, seed: int) -> bool:
    """Whether the operation has got as far as this point."""
    with memory_folder() as folder, contextlib.closing(SqliteRecords(Path(folder) / "records.db")) as records:
        life = Life(replica(records), seed)
        dying = Dying(records, point, after)
        with contextlib.suppress(Killed):
            operation(life, replica(dying))
        _check(records, life, replica(records))
        return dying.calls >= point


def _check(records: SqliteRecords, life: Life, service: Service) -> None:
    """What holds whatever has crashed: nothing is half there, nobody is locked out, nothing works twice."""
    families = {record.key for record in scan_all(records, FAMILIES).records}
    sessions = [record.value for record in scan_all(records, SESSIONS).records]
    named = [FAMILIES + value["family"] for value in sessions if value.get("family")]
    assert sorted(named) == sorted(families), "a refresh family without its session, or the other way round"
    waiting = {record.value["device"] for record in scan_all(records, USER_CODES).records}
    pending = {
        record.key.removeprefix(DEVICES)
        for record in scan_all(records, DEVICES).records
        if record.value["state"] == "pending"
    }
    assert waiting == pending, "a code that nobody waits with, or the other way round"
    counted = {record.key.rpartition("/")[2] for record in scan_all(records, WAITING).records}
    assert counted == pending, "a device that waits and isn't counted, or the other way round"
    for record in scan_all(records, CLIENTS).records:
        assert set(record.value) == {"redirect_uris", "post_logout_redirect_uris", "pkce", "secret", "created", "stamp"}
    for name in NAMES:
        assert service.sessions.start_browser(service.check_password(name, PASSWORD, "192.0.2.1"), 60, SOURCE, None)
        assert service.sessions.page(service.users.get(name)).after is None
    service.openid.clients.put(APPLICATION, SECRET)
    assert _times(lambda: exchange(service, life.code)) <= 1
    with contextlib.suppress(Refusal):
        service.openid.devices.decide(life.session, life.shown, allow=True)
    assert _times(lambda: poll_device(service, life.device)) <= 1
    _check_family(life, service)


def _check_family(life: Life, service: Service) -> None:
    """A family that lasts has one next token, however often it is asked for; one that has ended has none."""
    successors = set()
    for _ in range(2):
        with contextlib.suppress(InvalidGrant):
            successors.add(refresh(service, life.token)[0].refresh_token)
    assert len(successors) <= 1


def _times(call: Callable[[], object]) -> int:
    """How often something succeeds when it is tried three times."""
    done = 0
    for _ in range(3):
        with contextlib.suppress(Refusal):
            call()
            done += 1
    return done
