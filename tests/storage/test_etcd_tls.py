"""Records in an etcd by TLS, where each service is a user with its own prefix, and nobody else is let in."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fanfold_client.cluster.etcd.certificates import authority, issue
from fanfold_client.cluster.etcd.tls import ROOT, USERS
from fanfold_storage.errors import InvalidKey, PermissionDenied, Unavailable
from fanfold_storage.records import Records, Write
from fanfold_storage.urls import open_records
from tests.servers import EtcdCluster
from tests.storage.etcd_by_tls import SIGNER, Environ, files, guarded_etcd
from tests.storage.records_contract import RecordsContract


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EtcdCluster, dict[str, Environ]]]:
    with guarded_etcd(tmp_path_factory.mktemp("etcd-tls")) as found:
        yield found


@pytest.fixture
def guarded(guard: tuple[EtcdCluster, dict[str, Environ]]) -> EtcdCluster:
    return guard[0]


@pytest.fixture
def people(guard: tuple[EtcdCluster, dict[str, Environ]]) -> dict[str, Environ]:
    """The environment of each of etcd's users."""
    return guard[1]


@contextlib.contextmanager
def records_of(cluster: EtcdCluster, environ: Mapping[str, str]) -> Iterator[Records]:
    with contextlib.closing(open_records(cluster.url, environ)) as records:
        yield records


class TestEtcdByTLS(RecordsContract):
    @pytest.fixture
    def url(self, guarded: EtcdCluster, people: dict[str, Environ], monkeypatch: pytest.MonkeyPatch) -> str:
        for name, value in people[ROOT].items():
            monkeypatch.setenv(name, value)
        return guarded.url


@pytest.mark.parametrize(("name", "prefix"), USERS.items())
def test_a_service_reads_and_writes_its_own_prefix(
    guarded: EtcdCluster, people: dict[str, Environ], name: str, prefix: str
) -> None:
    with records_of(guarded, people[name]) as records:
        revision = records.transact([], [Write(f"{prefix}x", {"a": 1}), Write(f"{prefix}soon", {}, expires_in=60)])
        assert isinstance(revision, int)
        assert records.scan(prefix).records[0].key.startswith(prefix)
        with contextlib.closing(records.watch(prefix, revision)) as watch:
            assert next(iter(watch)) is not None


@pytest.mark.parametrize(("name", "other"), [("auth", "submit/"), ("submit", "auth/"), ("auth", ""), ("submit", "aut")])
def test_and_nothing_else(guarded: EtcdCluster, people: dict[str, Environ], name: str, other: str) -> None:
    with records_of(guarded, people[name]) as records:
        for reach in (
            lambda: records.get(f"{other}users/ada"),
            lambda: records.scan(other),
            lambda: records.transact([], [Write(f"{other}users/ada", {"roles": ["admin"]})]),
            lambda: records.transact([], [Write(f"{USERS[name]}x", {}), Write(f"{other}keys", None)]),
            lambda: next(iter(records.watch(other, 1))),
        ):
            with pytest.raises(PermissionDenied):
                reach()


def test_nobody_without_a_certificate_gets_in(guarded: EtcdCluster) -> None:
    with records_of(guarded, {}) as records, pytest.raises(Unavailable):
        records.get("auth/keys")


def test_nobody_with_another_authoritys_certificate_gets_in(guarded: EtcdCluster, tmp_path: Path) -> None:
    forged = files(tmp_path / "forged", issue(authority("ca"), ROOT))
    with records_of(guarded, forged) as records, pytest.raises(Unavailable):
        records.get("auth/keys")


def test_a_name_that_is_no_user_may_do_nothing(guarded: EtcdCluster, tmp_path: Path) -> None:
    with (
        records_of(guarded, files(tmp_path / "eve", issue(SIGNER, "eve"))) as records,
        pytest.raises(PermissionDenied),
    ):
        records.get("auth/keys")


@pytest.mark.parametrize("lacking", ["ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY"])
def test_half_a_certificate_is_refused(people: dict[str, Environ], tmp_path: Path, lacking: str) -> None:
    rest = {name: value for name, value in people["auth"].items() if name != lacking}
    with pytest.raises(InvalidKey, match=f"{lacking} is not set"):
        open_records("etcd://127.0.0.1", rest)
    with pytest.raises(InvalidKey, match=f"cannot read .*which {lacking} names: No such file"):
        open_records("etcd://127.0.0.1", {**rest, lacking: str(tmp_path / "nothing")})
