"""How many devices may wait for a login, and how often their codes may be guessed."""

from typing import Any

import pytest

from fanfold_auth.openid import devices
from fanfold_auth.openid.devices import SECONDS, WAITING
from fanfold_auth.openid.refusals import UnknownUserCode
from fanfold_auth.refusals import Throttled
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records, scan_all
from tests.auth_api.openid.world import log_in, people, service_on
from tests.auth_api.service import Clock

ADDRESS = "192.0.2.1"


@pytest.fixture
def service(settings: Settings, ring: dict[str, Any], records: Records, clock: Clock) -> Service:
    service = service_on(records, settings, ring, clock)
    people(service)
    return service


def test_a_hundred_logins_that_nobody_decides_upon_stop_nobody(service: Service) -> None:
    for _ in range(100):
        service.openid.devices.start(ADDRESS)
    assert service.openid.devices.start(ADDRESS)


def test_devices_that_wait_are_counted(service: Service, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MOST_WAITING", 2)
    waiting = [service.openid.devices.start(ADDRESS) for _ in range(2)]
    with pytest.raises(Throttled, match="waiting for a login"):
        service.openid.devices.start(ADDRESS)
    assert service.openid.devices.start("192.0.2.2"), "another address counts by itself"
    service.openid.devices.decide(log_in(service, "ann")[0], waiting[0][1], allow=False)
    assert service.openid.devices.start(ADDRESS), "one that is decided upon doesn't wait any more"
    assert len(scan_all(records, WAITING).records) == 3
    with pytest.raises(Throttled):
        service.openid.devices.start(ADDRESS)


def test_an_ipv6_network_counts_as_one_address(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MOST_WAITING", 1)
    service.openid.devices.start("2001:db8::1")
    with pytest.raises(Throttled):
        service.openid.devices.start("2001:db8::2")


def test_the_window_of_guesses_ends_though_somebody_goes_on_guessing(service: Service, clock: Clock) -> None:
    ann, now = service.users.get("ann"), clock.moment
    for _ in range(9):
        with pytest.raises(UnknownUserCode):
            service.openid.devices.guess(ann, "BBBB-BBBB")
        clock.forward(60)
    with pytest.raises(UnknownUserCode):
        service.openid.devices.guess(ann, "BBBB-BBBB")
    with pytest.raises(Throttled, match="Try again in 60 s"):
        service.openid.devices.guess(ann, "BBBB-BBBB")
    clock.moment = now + SECONDS
    with pytest.raises(UnknownUserCode):
        service.openid.devices.guess(ann, "BBBB-BBBB")


def test_a_right_code_is_no_guess(service: Service) -> None:
    ann = service.users.get("ann")
    _, shown = service.openid.devices.start(ADDRESS)
    assert {service.openid.devices.guess(ann, shown.lower()) for _ in range(20)} == {shown}
