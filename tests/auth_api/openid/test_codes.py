"""Codes between the reading and the writing of their record, and where a store's answer is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from fanfold_auth.grants import Redeemed
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.sessions import Session
from fanfold_storage.errors import Unknown
from fanfold_storage.records.protocol import Records
from fanfold_web.refusals import Refusal, Unauthenticated
from tests.auth_api.openid.world import (
    APPLICATION,
    SECRET,
    code_for,
    exchange,
    log_in,
    people,
    poll_device,
    refresh,
    service_on,
)
from tests.auth_api.service import Clock


class Interrupted:
    """Records before whose first transaction, or a later one, something else happens; or the first's answer is lost."""

    def __init__(
        self, records: Records, before: Callable[[], object] = lambda: None, lost: bool = False, at: int = 1
    ) -> None:
        self._records, self._before, self._lost, self._left = records, before, lost, at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def transact(self, *arguments: Any) -> Any:
        lost, self._lost, self._left = self._lost, False, self._left - 1
        if self._left == 0:
            self._before()
        answer = self._records.transact(*arguments)
        if lost:
            raise Unknown("the answer was lost")
        return answer


Interrupt = Callable[..., Service]


@pytest.fixture
def service(settings: Settings, ring: dict[str, Any], records: Records, clock: Clock) -> Service:
    service = service_on(records, settings, ring, clock)
    people(service)
    service.openid.clients.put(APPLICATION, SECRET)
    return service


@pytest.fixture
def interrupted(settings: Settings, ring: dict[str, Any], records: Records, clock: Clock) -> Interrupt:
    """A replica to whose records something happens."""
    return lambda **what: service_on(Interrupted(records, **what), settings, ring, clock)


@pytest.fixture
def session(service: Service) -> Session:
    return log_in(service, "ann")[0]


def test_a_code_that_another_request_uses_meanwhile_is_refused(
    service: Service, interrupted: Interrupt, session: Session
) -> None:
    code = code_for(service, session)
    slower = interrupted(before=lambda: exchange(service, code))
    with pytest.raises(InvalidGrant, match="used before"):
        exchange(slower, code)


@pytest.mark.parametrize("moment", [1, 2])
@pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
def test_a_replay_before_the_first_answer_leaves_no_token(
    service: Service, interrupted: Interrupt, session: Session, scope: str, moment: int
) -> None:
    """What a code is used for is stored with its use, so whoever replays it finds that, and ends it."""
    code = code_for(service, session, scope)
    found: list[tuple[Redeemed, str] | None] = []
    slower = interrupted(before=lambda: found.append(_tried(service, code)), at=moment)
    found.append(_tried(slower, code))
    if len(found) == 1:  # there was no such moment
        found.append(_tried(service, code))
    ((redeemed, access),) = [yielded for yielded in found if yielded]
    with pytest.raises(Unauthenticated):
        service.openid.reader_of_claims(access)
    if redeemed.refresh_token:
        with pytest.raises(InvalidGrant):
            refresh(service, redeemed.refresh_token)


def _tried(service: Service, code: str) -> tuple[Redeemed, str] | None:
    try:
        return exchange(service, code)
    except InvalidGrant:
        return None


def test_a_device_that_another_request_uses_meanwhile_gets_nothing(
    service: Service, interrupted: Interrupt, session: Session
) -> None:
    token, shown = service.openid.devices.start("192.0.2.1")
    service.openid.devices.decide(session, shown, allow=True)
    with pytest.raises(Refusal):
        poll_device(interrupted(before=lambda: poll_device(service, token)), token)


def test_a_device_may_ask_while_it_is_decided_upon(service: Service, interrupted: Interrupt, session: Session) -> None:
    token, shown = service.openid.devices.start("192.0.2.1")

    def ask() -> None:
        with pytest.raises(Refusal, match="Nobody has decided"):
            poll_device(service, token)

    interrupted(before=ask).openid.devices.decide(session, shown, allow=True)
    assert poll_device(service, token).user.name == "ann"


def test_a_store_whose_answer_is_lost_has_used_the_code(
    service: Service, interrupted: Interrupt, session: Session
) -> None:
    """Else the client would have to send it again, which looks like a theft."""
    code = code_for(service, session, "openid offline_access")
    redeemed, access = exchange(interrupted(lost=True), code)
    assert redeemed.refresh_token and service.openid.reader_of_claims(access)[1].name == "ann"
    with pytest.raises(InvalidGrant, match="used before"):
        exchange(service, code)


def test_a_code_is_not_stored(service: Service, records: Records, session: Session) -> None:
    code = code_for(service, session)
    secret = code.partition(".")[2]
    token, shown = service.openid.devices.start("192.0.2.1")
    stored = str(records.scan("auth/", limit=1000).records)
    for text in (secret, token.partition(".")[2], shown, shown.replace("-", ""), SECRET):
        assert text not in stored
