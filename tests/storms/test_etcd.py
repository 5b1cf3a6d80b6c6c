"""Three etcd members by TLS, whose leader is killed every five seconds under eight clients: nothing is lost or doubled.

Each client counts up a record of its own by compare-and-set, and notes what was acknowledged. Whatever fails is one of
the errors that say: try again.
"""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from fanfold_storage.errors import StorageError, Unavailable, Unknown
from fanfold_storage.records import Conflict, Expect, Write
from fanfold_storage.urls import open_records
from tests.servers import EtcdCluster
from tests.storage.etcd_by_tls import guarded_etcd

CLIENTS, SECONDS, EVERY, SEED = 8, 120.0, 5.0, 7


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EtcdCluster, dict[str, dict[str, str]]]]:
    with guarded_etcd(tmp_path_factory.mktemp("etcd"), members=3) as found:
        yield found


class Counting:
    """A client that counts up its own record until it is told to stop."""

    def __init__(self, url: str, environ: Mapping[str, str], number: int, end: float) -> None:
        self.key = f"submit/storm/{number}"
        self.acknowledged = 0
        self.unknown = 0
        self.errors: Counter[str] = Counter()
        self._url, self._environ, self._end = url, environ, end
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with contextlib.closing(open_records(self._url, self._environ)) as records:
            while time.monotonic() < self._end:
                try:
                    found = records.get(self.key)
                    count = found.value["count"] if found else 0
                    expect = Expect(self.key, found.revision if found else 0)
                    answer = records.transact([expect], [Write(self.key, {"count": count + 1})])
                    if not isinstance(answer, Conflict):
                        self.acknowledged += 1
                except Unknown:
                    self.unknown += 1
                except StorageError as error:
                    self.errors[type(error).__name__] += 1


def test_the_leader_is_killed_every_five_seconds(
    cluster: tuple[EtcdCluster, dict[str, dict[str, str]]],
) -> None:
    members, people = cluster
    chance, end = random.Random(SEED), time.monotonic() + SECONDS
    clients = [Counting(members.url, people["submit"], number, end) for number in range(CLIENTS)]
    for client in clients:
        client.thread.start()
    kills = 0
    while time.monotonic() + EVERY < end:
        time.sleep(EVERY * chance.uniform(0.9, 1.1))  # the storm's own rhythm: nothing is waited for
        leader = members.leader()
        leader.server.kill()
        kills += 1
        leader.server.start()
    for client in clients:
        client.thread.join(60)
    members.heal()
    errors = sum((client.errors for client in clients), Counter[str]())
    acknowledged, unknown = sum(c.acknowledged for c in clients), sum(c.unknown for c in clients)
    print(f"\nleader killed {kills} times in {SECONDS:.0f} s, seed {SEED}, {CLIENTS} clients:")
    print(f"{acknowledged} writes acknowledged, {unknown} unknown, other errors {dict(errors)}")
    with contextlib.closing(open_records(members.url, people["submit"])) as records:
        for client in clients:
            found = records.get(client.key)
            count = found.value["count"] if found else 0
            assert client.acknowledged <= count <= client.acknowledged + client.unknown, client.key
    assert errors.keys() <= {Unavailable.__name__}
    assert acknowledged > 0
