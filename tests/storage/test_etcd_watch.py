"""A watch over streams that a test makes: where each begins, what is told once, and when it gives up."""

import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from fanfold_storage.errors import Compacted, InvalidKey, Unavailable
from fanfold_storage.records import etcd_watch
from fanfold_storage.records.etcd import _with_port
from fanfold_storage.records.etcd_watch import EtcdWatch
from fanfold_storage.records.protocol import Change


class Broken(grpc.RpcError):  # type: ignore[misc]
    """How a stream breaks."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "the stream broke"


def event(key: str, revision: int, value: dict[str, Any] | None) -> SimpleNamespace:
    found = SimpleNamespace(key=key.encode(), value=json.dumps(value).encode(), mod_revision=revision)
    return SimpleNamespace(kv=found, type=1 if value is None else 0, DELETE=1)


def response(*events: SimpleNamespace, revision: int = 0, **fields: Any) -> SimpleNamespace:
    plain = {"canceled": False, "created": False, "compact_revision": 0, "cancel_reason": "told to"}
    return SimpleNamespace(events=list(events), header=SimpleNamespace(revision=revision), **(plain | fields))


class Stream:
    """Responses, and then the stream breaks; at once if it is cancelled."""

    def __init__(self, responses: list[SimpleNamespace]) -> None:
        self.responses, self.read, self.cancelled = responses, 0, False

    def __iter__(self) -> Iterator[SimpleNamespace]:
        for response in self.responses:
            if self.cancelled:
                break
            self.read += 1
            yield response
        raise Broken

    def cancel(self) -> None:
        self.cancelled = True


class Cluster:
    """Members that each serve one stream; time passes between them, and nobody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *streams: list[SimpleNamespace], seconds: float = 0.0) -> None:
        self.streams, self.seconds, self.now = list(streams), seconds, 100.0
        self.begun: list[int] = []
        self.pauses: list[float] = []
        self.closed = 0
        self.made: list[Stream] = []
        monkeypatch.setattr(etcd_watch, "time", self)

    def monotonic(self) -> float:
        return self.now

    def next_client(self) -> tuple[str, Any]:
        return "a member", self

    def close(self) -> None:
        self.closed += 1

    def open_stream(self, _: Any, revision: int, until: threading.Event) -> Stream:
        self.begun.append(revision)
        self.now += self.seconds
        self.made.append(Stream(self.streams.pop(0) if self.streams else []))
        return self.made[-1]

    def watch(self, from_revision: int, monkeypatch: pytest.MonkeyPatch) -> EtcdWatch:
        watch = EtcdWatch(self, self.open_stream, from_revision)  # type: ignore[arg-type]
        monkeypatch.setattr(watch._closed, "wait", self.pauses.append)
        return watch


def some(watch: EtcdWatch, count: int) -> list[Change]:
    """The first changes; then the watch is closed."""
    changes = []
    for change in watch:
        changes.append(change)
        if len(changes) == count:
            watch.close()
            assert watch._stream.cancelled, "nobody waits for the member"
    return changes


def test_a_stream_goes_on_after_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = event("a", 7, {"n": 1}), event("a", 9, None), event("b", 9, {"n": 2})
    cluster = Cluster(
        monkeypatch,
        [response(created=True, revision=99), response(one)],
        [response(created=True), response(revision=8)],
        [response(one, two, three)],
        [response(event("b", 12, {"n": 3}))],
    )
    changes = some(cluster.watch(5, monkeypatch), 4)
    assert changes == [
        Change("a", {"n": 1}, 7),
        Change("a", None, 9),
        Change("b", {"n": 2}, 9),
        Change("b", {"n": 3}, 12),
    ]
    assert cluster.begun == [5, 8, 9, 10]
    assert cluster.pauses == [0.1] * 4
    assert cluster.closed == 4
    assert all(stream.cancelled for stream in cluster.made)


@pytest.mark.parametrize(("from_revision", "first"), [(-3, 1), (0, 1), (1, 1), (2, 2)])
def test_there_is_no_revision_before_the_first(monkeypatch: pytest.MonkeyPatch, from_revision: int, first: int) -> None:
    cluster = Cluster(monkeypatch, [response(event("a", 7, {}))])
    some(cluster.watch(from_revision, monkeypatch), 1)
    assert cluster.begun == [first]


def test_what_was_compacted_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, [response(canceled=True, compact_revision=6)])
    with pytest.raises(Compacted, match=r"changes from revision 5 on are gone \(etcd keeps those after 6\)"):
        list(cluster.watch(5, monkeypatch))


@pytest.mark.parametrize("ended", [[], [response(canceled=True)]], ids=["broken", "ended by the member"])
def test_members_may_be_away_for_fifteen_seconds_in_a_row(
    monkeypatch: pytest.MonkeyPatch, ended: list[SimpleNamespace]
) -> None:
    news = [response(event("a", 7, {}))]
    cluster = Cluster(monkeypatch, *[ended] * 4, news, *[ended] * 5, seconds=5.0)
    watch = iter(cluster.watch(5, monkeypatch))
    assert next(watch).revision == 7
    with pytest.raises(Unavailable, match=r"etcd at a member"):
        next(watch)
    assert len(cluster.begun) == 4 + 1 + 4, "the clock starts with the first stream that broke"


def test_a_watch_that_is_closed_tells_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, [response(event("a", 7, {}), event("b", 7, {})), response(event("c", 8, {}))])
    assert [change.key for change in some(cluster.watch(1, monkeypatch), 1)] == ["a"]
    assert cluster.begun == [1]


def test_a_watch_may_be_closed_before_it_begins_and_while_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    early = Cluster(monkeypatch).watch(1, monkeypatch)
    early.close()
    assert list(early) == []
    cluster = Cluster(monkeypatch, [response(event("a", 7, {}))])
    watch = cluster.watch(1, monkeypatch)

    def open_stream(client: Any, revision: int, until: threading.Event) -> Stream:
        watch._closed.set()
        return cluster.open_stream(client, revision, until)

    monkeypatch.setattr(watch, "_open_stream", open_stream)
    assert list(watch) == []
    assert cluster.made[0].read == 0, "nobody waits for what nobody wants"


def test_a_member_that_says_nothing_for_five_seconds_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[threading.Timer] = []
    monkeypatch.setattr(threading.Timer, "start", lambda timer: timers.append(timer))
    cluster = Cluster(monkeypatch, [], [response(event("a", 7, {}))])
    some(cluster.watch(1, monkeypatch), 1)
    assert [(timer.interval, timer.daemon, timer.finished.is_set()) for timer in timers] == [(5.0, True, True)] * 2
    monkeypatch.setattr(cluster.made[0], "cancelled", False)
    timers[0].function()
    assert cluster.made[0].cancelled


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [("host", "host:2379"), ("host:1", "host:1"), ("10.0.0.1", "10.0.0.1:2379"), ("[::1]", "[::1]:2379"),
     ("[::1]:77", "[::1]:77")],
)  # fmt: skip
def test_an_endpoint_has_etcds_port_unless_it_names_one(endpoint: str, address: str) -> None:
    assert _with_port(endpoint) == address


@pytest.mark.parametrize("endpoint", ["", ":1", "a b", "http://a", "a:b", "::1", "user@host"])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidKey, match="etcd://host:port"):
        _with_port(endpoint)
