"""How often another member of an etcd is asked, and for how long."""

import grpc
import pytest

from fanfold_storage.errors import Unavailable, Unknown
from fanfold_storage.records import etcd_endpoints
from fanfold_storage.records.etcd_endpoints import TIMEOUT, Endpoints


class Failed(grpc.RpcError):  # type: ignore[misc]
    """What a member answers that is away."""

    def __init__(self, details: str = "failed to connect", code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        self._details, self._code = details, code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


class Clock:
    """Time that passes by waiting, and by so much with each call."""

    def __init__(self, for_a_call: float) -> None:
        self.now, self.for_a_call = 0.0, for_a_call
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)


def asked(monkeypatch: pytest.MonkeyPatch, error: Failed, *, writing: bool = False, for_a_call: float = 0.0):
    """The members that were asked in turn, the pauses meanwhile, and what came of it."""
    clock = Clock(for_a_call)
    monkeypatch.setattr(etcd_endpoints, "time", clock)
    endpoints, seen = Endpoints(["a", "b", "c"], lambda address: address), []

    def request(client: str) -> None:
        seen.append(client)
        clock.now += clock.for_a_call
        raise error

    with pytest.raises((Unavailable, Unknown)) as raised:
        endpoints.call("read", request, writing=writing)
    return "".join(seen), clock.pauses, raised.value


def test_each_member_is_asked_twice_with_a_pause_after_each_round(monkeypatch: pytest.MonkeyPatch):
    seen, pauses, error = asked(monkeypatch, Failed())
    assert (seen, pauses) == ("abcabc", [0.1, 0.1])
    assert "cannot read in etcd at c: failed to connect. Are its members running?" in str(error)


def test_when_the_time_is_up_each_has_been_asked_once(monkeypatch: pytest.MonkeyPatch):
    assert asked(monkeypatch, Failed(), for_a_call=TIMEOUT / 2)[0] == "abc"
    assert asked(monkeypatch, Failed(), for_a_call=TIMEOUT)[0] == "abc"
    assert asked(monkeypatch, Failed(), for_a_call=TIMEOUT / 6)[0] == "abcabc"


def test_a_write_that_may_have_come_through_is_asked_of_nobody_else(monkeypatch: pytest.MonkeyPatch):
    seen, _, error = asked(monkeypatch, Failed("Socket closed"), writing=True)
    assert (seen, type(error)) == ("a", Unknown)
    seen, _, error = asked(monkeypatch, Failed(), writing=True)
    assert (seen, type(error)) == ("abcabc", Unavailable)
    seen, _, error = asked(monkeypatch, Failed("Socket closed"))
    assert (seen, type(error)) == ("abcabc", Unavailable)


def test_a_member_that_answers_is_asked_the_next_time_too():
    endpoints = Endpoints(["a", "b"], lambda address: address)
    assert [endpoints.call("read", lambda client: client) for _ in range(3)] == ["a"] * 3
    assert [endpoints.next_client()[0] for _ in range(3)] == ["a", "b", "a"]
    endpoints.close()
    with pytest.raises(Unavailable, match="have been closed"):
        endpoints.call("read", lambda client: client)
