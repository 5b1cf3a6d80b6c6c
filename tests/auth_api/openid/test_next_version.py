"""Records into which a replica of the next version has written more: this one reads them, and takes nothing away."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from fanfold_auth.keys.keys import KEYS
from fanfold_auth.keys.sealing import seal, unseal
from fanfold_auth.openid.clients import CLIENTS
from fanfold_auth.openid.codes import CODES
from fanfold_auth.openid.devices import DEVICES
from fanfold_auth.openid.requests import _PURPOSE
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.delegations import DELEGATIONS
from fanfold_auth.tokens.sessions import FAMILIES
from fanfold_storage.records.protocol import Records, Write, scan_all
from fanfold_web.refusals import Refusal
from tests.auth_api.openid.world import (
    APPLICATION,
    SECRET,
    code_for,
    exchange,
    log_in,
    people,
    poll_device,
    refresh,
    request_for,
    service_on,
)  # fmt: skip
from tests.auth_api.service import Clock

NEW = {"invented later": ["x"]}


@pytest.fixture
def service(settings: Settings, ring: dict[str, Any], records: Records, clock: Clock) -> Service:
    service = service_on(records, settings, ring, clock)
    people(service)
    service.openid.clients.put(APPLICATION, SECRET)
    return service


@pytest.fixture
def update(service: Service, settings: Settings, ring: dict[str, Any], records: Records, clock: Clock) -> Any:
    """Writes a new field into every record, and returns a replica that has read none of them before."""

    def updated() -> Service:
        for record in scan_all(records, "auth/").records:
            value = {**record.value, **NEW}
            if record.key == KEYS:
                value["keys"] = [{**key, **NEW} for key in value["keys"]]
            records.transact([], [Write(record.key, value)])
        return service_on(records, settings, ring, clock)

    return updated


Update = Callable[[], Service]


def kept(records: Records, prefix: str) -> bool:
    """Whether the new field is in every record there."""
    found = [record.value.get("invented later") for record in scan_all(records, prefix).records]
    assert found, f"there is nothing under {prefix}"
    return set(map(str, found)) == {"['x']"}


def test_sessions_are_read(service: Service, update: Update) -> None:
    session, cookie = log_in(service, "ann")
    _, access = exchange(service, code_for(service, session))
    replica = update()
    found = replica.sessions.of_cookie(cookie)
    assert found and found[0] == session
    assert {one.kind for one in replica.sessions.page(found[1]).sessions} == {"browser", "application"}
    assert replica.openid.reader_of_claims(access)[1].name == "ann"


def test_refresh_families_are_renewed(service: Service, update: Update, records: Records) -> None:
    token = exchange(service, code_for(service, log_in(service, "ann")[0], "openid offline_access"))[0].refresh_token
    assert token and refresh(update(), token)[0].user.name == "ann"
    assert kept(records, FAMILIES)


def test_the_commands_families_are_renewed(service: Service, update: Update, records: Records) -> None:
    token = service.refreshes.start(service.users.get("ann"))
    assert update().refreshes.rotate(token)[0].name == "ann"
    assert kept(records, FAMILIES)


def test_delegations_are_exchanged_and_listed(service: Service, update: Update, records: Records) -> None:
    ann = service.users.get("ann")
    delegation, token = service.delegations.start(ann, "schedule/nightly")
    replica = update()
    assert replica.delegations.redeem(token) == ann and replica.delegations.of(ann) == [delegation]
    assert kept(records, DELEGATIONS)


def test_clients_are_found_and_changed(service: Service, update: Update, records: Records) -> None:
    replica = update()
    assert replica.openid.clients.all() == service.openid.clients.all() != []
    assert replica.openid.clients.authenticated(APPLICATION.id, SECRET).redirect_uris == APPLICATION.redirect_uris
    replica.openid.clients.put(APPLICATION, SECRET[::-1])
    assert kept(records, CLIENTS)


def test_codes_are_used_once(service: Service, update: Update, records: Records) -> None:
    code = code_for(service, log_in(service, "ann")[0])
    replica = update()
    assert exchange(replica, code)[0].user.name == "ann"
    assert kept(records, CODES)
    with pytest.raises(Refusal, match="used before"):
        exchange(replica, code)


def test_devices_wait_and_log_in(service: Service, update: Update, records: Records) -> None:
    session, _ = log_in(service, "ann")
    token, shown = service.openid.devices.start("192.0.2.1")
    replica = update()
    with pytest.raises(Refusal, match="Nobody has decided"):
        poll_device(replica, token)
    assert kept(records, DEVICES)
    replica.openid.devices.decide(session, shown, allow=True)
    assert kept(records, DEVICES)
    assert poll_device(replica, token).user.name == "ann"


def test_a_login_page_of_a_newer_replica_is_read(service: Service) -> None:
    requests = service.openid.requests
    request = request_for(service)
    fields = json.loads(unseal(requests._key, requests.sealed(request), _PURPOSE))
    assert fields.keys() == asdict(request).keys()
    newer = seal(requests._key, json.dumps(fields | NEW).encode(), _PURPOSE)
    assert requests.opened(newer)[0] == request


def test_keys_are_rotated(service: Service, update: Update, records: Records) -> None:
    replica = update()
    replica.keys.rotate()
    record = records.get(KEYS)
    assert record and ["invented later" in key for key in record.value["keys"]] == [True, False]
    assert kept(records, KEYS)
