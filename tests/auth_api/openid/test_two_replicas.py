"""Two replicas over one etcd, each with its own connection: what one begins, the other one goes on with."""

from collections.abc import Iterator
from typing import Any

import pytest

from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Write
from fanfold_storage.urls import open_records
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
    service_on,
)
from tests.auth_api.service import Clock
from tests.servers import EtcdCluster
from tests.waiting import at_once


@pytest.fixture
def replicas(
    etcd_server: EtcdCluster, settings: Settings, ring: dict[str, Any], clock: Clock
) -> Iterator[list[Service]]:
    stores = [open_records(etcd_server.url) for _ in range(2)]
    for record in stores[0].scan("auth/", limit=1000).records:
        stores[0].transact([], [Write(record.key, None)])
    services = [service_on(store, settings, ring, clock) for store in stores]
    people(services[0])
    services[0].openid.clients.put(APPLICATION, SECRET)
    yield services
    for store in stores:
        store.close()


def test_each_goes_on_with_what_the_other_one_began(replicas: list[Service]) -> None:
    one, two = replicas
    session, cookie = log_in(one, "ann")
    found = two.sessions.of_cookie(cookie)
    assert found and found[1].name == "ann"
    redeemed, access = exchange(one, code_for(two, session, "openid offline_access"))
    assert two.openid.reader_of_claims(access)[1].name == "ann"
    assert redeemed.refresh_token and refresh(two, redeemed.refresh_token)[0].user.name == "ann"
    device, shown = two.openid.devices.start("192.0.2.1")
    one.openid.devices.decide(session, shown, allow=True)
    assert poll_device(two, device).user.name == "ann"
    two.end_session(session)
    assert one.sessions.of_cookie(cookie) is None


@pytest.mark.parametrize("kind", ["code", "device"])
def test_what_is_valid_once_is_so_for_both_together(replicas: list[Service], kind: str) -> None:
    session, _ = log_in(replicas[0], "ann")
    code = code_for(replicas[0], session)
    device, shown = replicas[0].openid.devices.start("192.0.2.1")
    replicas[1].openid.devices.decide(session, shown, allow=True)

    def use(index: int) -> bool:
        try:
            if kind == "code":
                exchange(replicas[index % 2], code)
            else:
                poll_device(replicas[index % 2], device)
        except Refusal:
            return False
        return True

    assert at_once(12, use).count(True) == 1


def test_a_device_is_decided_upon_once(replicas: list[Service]) -> None:
    session, _ = log_in(replicas[0], "ann")
    device, shown = replicas[0].openid.devices.start("192.0.2.1")

    def decide(index: int) -> bool | None:
        try:
            replicas[index % 2].openid.devices.decide(session, shown, allow=index % 3 == 0)
        except Refusal:
            return None
        return index % 3 == 0

    (decision,) = [answer for answer in at_once(8, decide) if answer is not None]
    if decision:
        assert poll_device(replicas[1], device).user.name == "ann"
    else:
        with pytest.raises(Refusal, match="refused"):
            poll_device(replicas[1], device)


def test_the_two_count_mistyped_codes_together(replicas: list[Service]) -> None:
    user = replicas[0].users.get("ann")

    def guess(index: int) -> str:
        try:
            replicas[index % 2].openid.devices.guess(user, f"BBBB-BBB{'BCDFGHJKLMNPQRST'[index]}")
        except Refusal as refusal:
            return type(refusal).__name__
        return "found"

    answers = at_once(16, guess)
    assert "found" not in answers and answers.count("UnknownUserCode") <= 10


def test_a_code_that_is_used_again_at_the_other_one_ends_its_tokens(replicas: list[Service]) -> None:
    session, _ = log_in(replicas[0], "ann")
    code = code_for(replicas[0], session, "openid offline_access")
    token = exchange(replicas[0], code)[0].refresh_token
    with pytest.raises(InvalidGrant, match="used before"):
        exchange(replicas[1], code)
    with pytest.raises(InvalidGrant):
        refresh(replicas[0], token or "")
