"""Servers that the tests of any layer may request; each is started once per test run (and per xdist worker)."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers import EtcdCluster, S3Server, etcd, seaweedfs

# A busy machine is slow, and no example of a property is wrong for that. The same code is tested by the same examples,
# a few by `make test`, a hundred by `make test-thorough`; `make explore` draws new ones.
settings.register_profile("thorough", deadline=None, derandomize=True)
settings.register_profile("few", deadline=None, derandomize=True, max_examples=15)
settings.register_profile("explore", deadline=None, max_examples=300)
settings.load_profile("thorough")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in a shell's background: what is started here would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def seaweedfs_server() -> Iterator[S3Server]:
    """A real S3 server with an empty bucket; use a prefix of your own."""
    with seaweedfs() as server:
        yield server


@pytest.fixture(scope="session")
def etcd_server() -> Iterator[EtcdCluster]:
    """A real etcd of one member; use a prefix of your own."""
    with etcd(members=1) as cluster:
        yield cluster
