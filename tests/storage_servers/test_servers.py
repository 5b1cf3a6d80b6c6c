"""The storage contracts against servers that no wheel brings: MinIO, the Versity gateway, the cluster's own etcd.

`make test-servers` builds them from their Go modules first.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fanfold_storage.errors import NotFound, PermissionDenied, Unsupported
from fanfold_storage.objects import Objects
from fanfold_storage.urls import open_objects, session_credentials
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


@pytest.fixture(scope="module")
def narrow(minio_server: S3Server) -> Mapping[str, str]:
    root = open_objects(minio_server.url(""), minio_server.environ)
    for key in ("files/ann/a", "files/bob/b", "files/anne/c", "files/@shared/d", "bundles/x.zip", "bundles/y.zip"):
        root.put(key, [b"x"])
    places = {
        minio_server.url("files/ann/"): True,
        minio_server.url("files/@shared/"): False,
        minio_server.url("bundles/x.zip"): False,
    }
    return {**minio_server.environ, **session_credentials(minio_server.environ, places, 25 * 3600)}


class TestSessionCredentials:
    """MinIO gives credentials that reach what was named, and nothing else of the bucket."""

    def test_they_do_all_that_a_job_does_in_a_folder_of_its_own(
        self, minio_server: S3Server, narrow: Mapping[str, str]
    ) -> None:
        own = open_objects(minio_server.url("files/ann/counts/"), narrow)
        assert own.put_if_absent("_SUCCESS", b"{}")
        assert not own.put_if_absent("_SUCCESS", b"{}")
        for commit in (own.commit, own.abort):
            staged = own.stage("part-00000.txt")
            staged.write(b"x" * 9_000_000)
            commit(staged.seal())
        assert [stat.key for stat in own.list()] == ["_SUCCESS", "part-00000.txt"]
        own.sweep()
        own.delete("part-00000.txt")
        with pytest.raises(NotFound):
            own.stat("part-00000.txt")

    @pytest.mark.parametrize("key", ["files/@shared/d", "bundles/x.zip"])
    def test_what_is_for_reading_is_not_changed(
        self, minio_server: S3Server, narrow: Mapping[str, str], key: str
    ) -> None:
        store = open_objects(minio_server.url(""), narrow)
        assert b"".join(store.read(key)) == b"x"
        with pytest.raises(PermissionDenied):
            store.put(key, [b"y"])
        with pytest.raises(PermissionDenied):
            store.delete(key)

    @pytest.mark.parametrize("key", ["files/bob/b", "files/anne/c", "bundles/y.zip"])
    def test_all_else_is_out_of_reach(self, minio_server: S3Server, narrow: Mapping[str, str], key: str) -> None:
        store = open_objects(minio_server.url(""), narrow)
        for reach in (
            lambda: list(store.read(key)),
            lambda: store.stat(key),
            lambda: store.put(key, [b"y"]),
            lambda: store.delete(key),
            lambda: list(store.list(key.rpartition("/")[0] + "/")),
            lambda: list(store.list("")),
        ):
            with pytest.raises(PermissionDenied):
                reach()

    def test_they_give_no_further_credentials(self, minio_server: S3Server, narrow: Mapping[str, str]) -> None:
        with pytest.raises((Unsupported, PermissionDenied)):
            session_credentials(narrow, {minio_server.url(""): True}, 3600)

    def test_a_server_without_sts_is_told(self, versitygw_server: S3Server) -> None:
        with pytest.raises(Unsupported, match="issues no credentials by AssumeRole"):
            session_credentials(versitygw_server.environ, {versitygw_server.url("x/"): True}, 3600)


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
