"""Records in etcd: the contract on one member and on three, and members that die, freeze, compact or fill up."""

import contextlib
import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator

import pytest

from fanfold_storage.errors import Compacted, InvalidKey, Unavailable, Unknown
from fanfold_storage.records import Records, Write
from fanfold_storage.records.etcd_endpoints import TIMEOUT
from fanfold_storage.urls import open_records
from tests.servers import EtcdCluster, EtcdMember, etcd
from tests.storage.records_contract import Listener, RecordsContract, write


@pytest.fixture(scope="session")
def three_members() -> Iterator[EtcdCluster]:
    """An etcd of three; tests that hurt it heal it."""
    with etcd(members=3) as cluster:
        yield cluster


class TestEtcd(RecordsContract):
    @pytest.fixture
    def url(self, etcd_server: EtcdCluster) -> str:
        return etcd_server.url


class TestEtcdOfThree(RecordsContract):
    @pytest.fixture
    def url(self, three_members: EtcdCluster) -> str:
        return three_members.url


@pytest.fixture
def cluster(three_members: EtcdCluster) -> Iterator[EtcdCluster]:
    yield three_members
    three_members.heal()


@pytest.fixture
def called(cluster: EtcdCluster) -> EtcdMember:
    """The member that the records call: the one that leads as the test begins. A busy machine may elect another."""
    return cluster.leader()


@pytest.fixture
def records(cluster: EtcdCluster, called: EtcdMember) -> Iterator[Records]:
    """Records that call the leader first, so that its loss is felt."""
    others = [address for address in cluster.endpoints if address != called.address]
    with contextlib.closing(open_records("etcd://" + ",".join([called.address, *others]))) as records:
        yield records


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex}/"


@pytest.mark.thorough
def test_the_leader_is_killed_amid_transactions_and_a_watch(
    cluster: EtcdCluster, records: Records, prefix: str
) -> None:
    listener = Listener(records.watch(prefix, 1))
    acknowledged: dict[int, int] = {}
    unknown: set[int] = set()
    stop = threading.Event()

    def write_on() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                acknowledged[number] = write(records, prefix + "k", {"n": number})
            except Unavailable:
                unknown.add(number)

    writer = threading.Thread(target=write_on)
    writer.start()
    listener.wait_for(20)
    cluster.leader().server.kill()
    before = len(acknowledged)
    deadline = time.monotonic() + 30
    while len(acknowledged) < before + 20:
        assert time.monotonic() < deadline, "no writes after the leader was killed"
        time.sleep(0.01)
    stop.set()
    writer.join()
    final = write(records, prefix + "end", {})
    while not any(change.revision == final for change in list(listener.changes)):
        assert time.monotonic() < deadline, "the watch did not come to the end"
        listener.wait_for(len(listener.changes) + 1)
    listener.stop()
    told = [(change.value["n"], change.revision) for change in listener.changes[:-1] if change.value]
    assert len(set(told)) == len(told) == len(listener.changes) - 1
    assert told == sorted(told, key=lambda each: each[1])
    assert set(acknowledged.items()) <= set(told)
    assert {number for number, _ in told} - set(acknowledged) <= unknown
    found = records.get(prefix + "k")
    assert found is not None
    assert (found.value["n"], found.revision) == told[-1]


@pytest.mark.thorough
def test_a_frozen_member_holds_nobody_longer_than_the_timeout(
    called: EtcdMember, records: Records, prefix: str
) -> None:
    revision = write(records, prefix + "k", {"n": 1})
    listener = Listener(records.watch(prefix, revision))
    listener.wait_for(1)
    called.server.freeze()
    start = time.monotonic()
    with pytest.raises(Unknown, match="read it back"):
        records.transact([], [Write(prefix + "k", {"n": 2})])
    assert time.monotonic() - start < TIMEOUT + 2
    found = records.get(prefix + "k")
    assert found is not None
    last = write(records, prefix + "end", {})
    while listener.changes[-1].revision < last:
        listener.wait_for(len(listener.changes) + 1)
    listener.stop()
    assert [change.revision for change in listener.changes] == sorted({change.revision for change in listener.changes})


@pytest.mark.thorough
def test_nobody_answers(records: Records, cluster: EtcdCluster) -> None:
    for member in cluster.members:
        member.server.kill()
    for action in (lambda: records.get("k"), lambda: write(records, "k", {})):
        start = time.monotonic()
        with pytest.raises(
            Unavailable, match=r"127\.0\.0\.1:\d+: failed to connect.*Are its members running"
        ) as caught:
            action()
        assert type(caught.value) is Unavailable, "a write that was never sent is not unknown"
        assert time.monotonic() - start < TIMEOUT
    cluster.heal()
    write(records, "k", {})


def test_a_watch_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_storage.records.etcd_watch._MOST_AWAY", 0.5)
    with contextlib.closing(open_records("etcd://127.0.0.1:1")) as records, pytest.raises(Unavailable, match="connect"):
        list(records.watch("k", 1))


def test_history_ends_and_says_so(etcd_server: EtcdCluster, prefix: str) -> None:
    with contextlib.closing(open_records(etcd_server.url)) as records:
        first = write(records, prefix + "k", {"n": 1})
        second = write(records, prefix + "k", {"n": 2})
        body = json.dumps({"revision": second, "physical": True}).encode()
        request = urllib.request.Request(f"http://{etcd_server.endpoints[0]}/v3/kv/compaction", data=body)
        with urllib.request.urlopen(request, timeout=10):
            pass
        with pytest.raises(Compacted, match="Scan again"):
            records.scan(prefix, revision=first)
        with pytest.raises(Compacted):
            records.scan(prefix, revision=second + 1000)
        with pytest.raises(Compacted, match="scan again"):
            Listener(records.watch(prefix, first)).wait_for(1)
        assert records.scan(prefix, revision=second).records == records.scan(prefix).records


def test_values_that_others_wrote_are_refused(etcd_server: EtcdCluster) -> None:
    # "k", "x" and "\x00" in base64: what the JSON gateway takes.
    request = urllib.request.Request(
        f"http://{etcd_server.endpoints[0]}/v3/kv/put", data=b'{"key": "Zm9yZWlnbg==", "value": "eA=="}'
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
    with contextlib.closing(open_records(etcd_server.url)) as records:
        with pytest.raises(Exception, match="Fanfold did not write it"):
            records.get("foreign")
        write(records, "foreign", None)


@pytest.mark.parametrize("url", ["etcd://", "etcd://host:port", "etcd://a:1,b:", "etcd://a:1,,b:2", "etcd://a/b"])
def test_urls_that_make_no_sense(url: str) -> None:
    with pytest.raises(InvalidKey):
        open_records(url)
