"""Servers that every storey's tests may ask for: started once a session (and once an xdist worker)."""

from collections.abc import Iterator

import pytest

from tests.servers import EtcdCluster, S3Server, etcd, seaweedfs


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
