"""Codes between the reading and the writing of their record, and where a store's answer is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.sessions import Session
from fanfold_storage.errors import Unknown
from fanfold_storage.records.protocol import Records
from fanfold_web.refusals import Refusal
from tests.auth_api.openid.world import (
    APPLICATION,
    SECRET,
    code_for,
    exchange,
    log_in,
    people,
    poll_device,
    service_on,
)
from tests.auth_api.service import Clock


class Interrupted:
    """Records before whose first transaction something else happens, or after which the answer is lost."""

    def __init__(self, records: Records, before: Callable[[], object] = lambda: None, lost: bool = False) -> None:
        self._records, self._before, self._lost = records, before, lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def transact(self, *arguments: Any) -> Any:
        before, self._before = self._before, lambda: None
        lost, self._lost = self._lost, False
        before()
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
