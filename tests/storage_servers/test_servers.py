"""The storage contracts against servers that no wheel brings: MinIO, the Versity gateway, the cluster's own etcd.

`make test-servers` builds them from their Go modules first.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects
from tests.servers import EtcdCluster, S3Server, built, etcd, minio, uploads, versitygw
from tests.storage.objects_contract import ObjectsContract
from tests.storage.records_contract import RecordsContract


class S3Contract(ObjectsContract):
    """The objects contract, and that nothing of Fanfold's own is left in the bucket."""

    @pytest.fixture
    def own_prefix(self) -> str:
        return f"prefix of {uuid.uuid4().hex}"

    @pytest.fixture
    def server(self) -> S3Server:
        raise NotImplementedError

    @pytest.fixture
    def place(self, server: S3Server, own_prefix: str) -> tuple[str, Mapping[str, str]]:
        return server.url(own_prefix), server.environ

    @pytest.fixture
    def unseen(self, server: S3Server, own_prefix: str) -> Callable[[str], list[str]]:
        return lambda key: uploads(server, f"{own_prefix}/{key}")

    def test_sweep_leaves_neither_uploads_nor_marks(self, server: S3Server, objects: Objects, own_prefix: str) -> None:
        handles = {}
        for key in ("jobs/1/left", "jobs/1/done", "jobs/1/aborted"):
            staged = objects.stage(key)
            staged.write(b"x" * 9_000_000)
            handles[key] = staged.seal()
        objects.commit(handles["jobs/1/done"])
        objects.abort(handles["jobs/1/aborted"])
        objects.sweep()
        with pytest.raises(NotFound):
            objects.commit(handles["jobs/1/left"])
        found = server.client().list_objects(server.bucket, prefix=f"{own_prefix}/", recursive=True)
        assert [each.object_name for each in found] == [f"{own_prefix}/jobs/1/done"]
        for key in handles:
            assert uploads(server, f"{own_prefix}/{key}") == []


@pytest.fixture(scope="session")
def minio_server() -> Iterator[S3Server]:
    with minio() as server:
        yield server


@pytest.fixture(scope="session")
def versitygw_server() -> Iterator[S3Server]:
    with versitygw() as server:
        yield server


class TestMinIO(S3Contract):
    @pytest.fixture
    def server(self, minio_server: S3Server) -> S3Server:
        return minio_server


class TestVersityGateway(S3Contract):
    @pytest.fixture
    def server(self, versitygw_server: S3Server) -> S3Server:
        return versitygw_server


@pytest.fixture(scope="session")
def etcd_of_the_cluster() -> Iterator[EtcdCluster]:
    with etcd(members=3, binary=built("etcd")) as cluster:
        yield cluster


class TestEtcdOfTheCluster(RecordsContract):
    @pytest.fixture
    def url(self, etcd_of_the_cluster: EtcdCluster) -> str:
        return etcd_of_the_cluster.url


@pytest.mark.parametrize("server", [minio, versitygw])
def test_a_missing_server_fails_with_the_command_that_builds_it(
    server: Callable[[], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FANFOLD_CLUSTER_CACHE", str(tmp_path))
    with pytest.raises(AssertionError, match=rf"python -m tests\.cluster build {server.__name__}`"):
        server()
