"""A client that is removed: what it was granted ends, and whoever is registered under its id inherits nothing."""

from typing import Any

import pytest

from fanfold_auth.openid.clients import CLIENTS
from fanfold_auth.openid.refusals import BadAuthorization
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records, Write
from fanfold_web.refusals import Unauthenticated
from tests.auth_api.openid.world import (
    APPLICATION,
    SECRET,
    code_for,
    exchange,
    log_in,
    people,
    refresh,
    request_for,
    service_on,
)  # fmt: skip
from tests.auth_api.service import Clock


@pytest.fixture
def service(settings: Settings, ring: dict[str, Any], records: Records, clock: Clock) -> Service:
    service = service_on(records, settings, ring, clock)
    people(service)
    service.openid.clients.put(APPLICATION, SECRET)
    return service


@pytest.fixture
def granted(service: Service) -> tuple[str, str]:
    """An access token and a refresh token of the client."""
    redeemed, access = exchange(service, code_for(service, log_in(service, "ann")[0], "openid offline_access"))
    assert redeemed.refresh_token
    return access, redeemed.refresh_token


def test_its_access_tokens_read_nothing(service: Service, granted: tuple[str, str]) -> None:
    assert service.openid.reader_of_claims(granted[0])
    service.openid.clients.remove(APPLICATION.id)
    with pytest.raises(Unauthenticated, match="removed"):
        service.openid.reader_of_claims(granted[0])


def test_a_client_of_the_same_id_inherits_nothing(service: Service, granted: tuple[str, str]) -> None:
    code, page = code_for(service, log_in(service, "ann")[0]), service.openid.requests.sealed(request_for(service))
    service.openid.clients.remove(APPLICATION.id)
    service.openid.clients.put(APPLICATION, SECRET)
    with pytest.raises(Unauthenticated):
        service.openid.reader_of_claims(granted[0])
    with pytest.raises(InvalidGrant):
        refresh(service, granted[1])
    with pytest.raises(InvalidGrant):
        exchange(service, code)
    with pytest.raises(BadAuthorization, match="not registered any more"):
        service.openid.requests.opened(page)


def test_a_client_that_is_changed_keeps_its_tokens(service: Service, granted: tuple[str, str]) -> None:
    service.openid.clients.put(APPLICATION, SECRET)
    assert service.openid.reader_of_claims(granted[0]) and refresh(service, granted[1])


def test_one_of_before_there_were_stamps_keeps_its_tokens_until_it_is_removed(
    service: Service, records: Records
) -> None:
    record = records.get(CLIENTS + APPLICATION.id)
    assert record
    del record.value["stamp"]
    records.transact([], [Write(record.key, record.value)])
    _, access = exchange(service, code_for(service, log_in(service, "ann")[0]))
    service.openid.clients.put(APPLICATION, SECRET)
    assert service.openid.reader_of_claims(access)
    service.openid.clients.remove(APPLICATION.id)
    service.openid.clients.put(APPLICATION, SECRET)
    with pytest.raises(Unauthenticated):
        service.openid.reader_of_claims(access)
