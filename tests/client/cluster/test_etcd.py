"""etcd's certificates, users and change to TLS: what `fanfold deploy` asks of kubectl. tests/argo does it for real."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from fanfold_client.api.problems import ClientError
from fanfold_client.cluster.etcd.certificates import LIFE, RENEW_BEFORE, Certificate, authority, issue
from fanfold_client.cluster.etcd.migration import migrate_to_tls
from fanfold_client.cluster.etcd.tls import HOLDERS, MEMBERS, create_certificates, enforce_access
from fanfold_client.cluster.kubectl import Kubectl
from tests.client.cluster.kubectl_stand_in import StandIn

NOW = datetime.now(UTC)
VOLUMES = [{"secret": {"secretName": each.secret}} for each in HOLDERS]
MOUNTED = [{"kind": "Deployment", "metadata": {"name": "all"}, "spec": {"volumes": VOLUMES}}]
ETCD = {"kind": "StatefulSet", "metadata": {"name": "etcd"}}
ENDED = "command terminated with exit code 1"
KUBECTL = Kubectl("fanfold")


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return StandIn(folder)


@pytest.fixture
def said() -> list[str]:
    return []


def stored(held: Certificate) -> dict[str, Any]:
    content = {"tls.crt": held.certificate, "tls.key": held.key}
    return {"data": {name: base64.b64encode(text.encode()).decode() for name, text in content.items()}}


def written(kubectl: StandIn) -> dict[str, dict[str, Any]]:
    """The Secrets that were applied, by name."""
    secrets = [json.loads(call.stdin) for call in kubectl.calls(" apply ")]
    return {secret["metadata"]["name"]: secret for secret in secrets}


def names(certificate: str) -> str:
    return x509.load_pem_x509_certificate(certificate.encode()).subject.rfc4514_string()


def test_everybody_who_is_mounted_gets_a_certificate_of_one_authority(kubectl, said):
    assert create_certificates(KUBECTL, MOUNTED, said.append) == [], "nobody runs yet who must be restarted"
    secrets = written(kubectl)
    assert secrets.keys() == {"fanfold-etcd-ca", *(each.secret for each in HOLDERS)}
    root = x509.load_pem_x509_certificate(secrets["fanfold-etcd-ca"]["stringData"]["tls.crt"].encode())
    for holder in HOLDERS:
        content = secrets[holder.secret]["stringData"]
        found = x509.load_pem_x509_certificate(content["tls.crt"].encode())
        found.verify_directly_issued_by(root)
        assert (names(content["tls.crt"]), content["ca.crt"]) == (
            f"CN={holder.name}",
            secrets["fanfold-etcd-ca"]["stringData"]["tls.crt"],
        )
    assert said == ["issued certificates for etcd: etcd, root, auth, submit"]


def test_what_lasts_is_left_alone(kubectl, said):
    signer = authority("ca")
    for holder in HOLDERS:
        kubectl.answer(f"get secret {holder.secret} ", stored(issue(signer, holder.name, holder.hosts)))
    assert create_certificates(KUBECTL, MOUNTED, said.append) == []
    assert (written(kubectl), said) == ({}, [])


@pytest.mark.parametrize("left", [timedelta(0), RENEW_BEFORE - timedelta(days=1)])
def test_what_ends_soon_is_renewed_by_the_same_authority(kubectl, said, left):
    signer = authority("ca")
    kubectl.answer("get secret fanfold-etcd-ca ", stored(signer))
    for holder in HOLDERS:
        start = NOW + left - LIFE if holder.name == "submit" else NOW
        kubectl.answer(f"get secret {holder.secret} ", stored(issue(signer, holder.name, holder.hosts, start)))
    assert create_certificates(KUBECTL, MOUNTED, said.append) == ["fanfold-etcd-submit"]
    (renewed,) = written(kubectl).values()
    assert renewed["stringData"]["ca.crt"] == signer.certificate
    assert (
        x509.load_pem_x509_certificate(renewed["stringData"]["tls.crt"].encode()).not_valid_after_utc > NOW + LIFE / 2
    )


@pytest.mark.thorough
def test_with_a_new_authority_everybody_gets_a_new_certificate(kubectl, said):
    """Nobody would trust the others' otherwise."""
    signer = authority("ca")
    for holder in HOLDERS[1:]:
        kubectl.answer(f"get secret {holder.secret} ", stored(issue(signer, holder.name, holder.hosts)))
    renewed = create_certificates(KUBECTL, MOUNTED, said.append)
    assert renewed == [holder.secret for holder in HOLDERS[1:]]
    assert len(written(kubectl)) == 1 + len(HOLDERS)


def test_those_that_others_make_are_left_to_them(kubectl, said):
    certificates = [
        {"kind": "Certificate", "metadata": {"name": each.secret}, "spec": {"secretName": each.secret}}
        for each in HOLDERS
    ]
    assert create_certificates(KUBECTL, [*MOUNTED, *certificates], said.append) == []
    assert written(kubectl) == {}


class TestAccess:
    @pytest.mark.thorough
    def test_each_service_gets_its_prefix_and_then_nobody_may_do_more(self, kubectl, said):
        kubectl.answer("auth status", "Authentication Status: false\n")
        enforce_access(KUBECTL, [ETCD], said.append)
        told = [call.words.partition(" etcdctl ")[2] for call in kubectl.calls("etcdctl")]
        assert "role grant-permission auth --prefix=true readwrite auth/" in told
        assert "role grant-permission submit --prefix=true readwrite submit/" in told
        assert told[-2:] == ["auth status", "auth enable"]

    @pytest.mark.thorough
    def test_again_it_changes_nothing(self, kubectl, said):
        kubectl.answer(
            "(user|role) add", error="Error: etcdserver: user name already exists\ncommand terminated with exit code 1"
        )
        kubectl.answer("auth status", "Authentication Status: true\n")
        enforce_access(KUBECTL, [ETCD], said.append)
        assert not kubectl.calls("auth enable")
        assert said == []

    def test_what_etcd_refuses_is_an_error(self, kubectl, said):
        kubectl.answer("role grant", error=f"Error: etcdserver: no leader\n{ENDED}")
        with pytest.raises(ClientError, match="no leader"):
            enforce_access(KUBECTL, [ETCD], said.append)
        assert not kubectl.calls("auth enable")

    def test_an_etcd_of_somebody_else_is_left_alone(self, kubectl, said):
        enforce_access(KUBECTL, MOUNTED, said.append)
        assert kubectl.calls() == []


def stateful_set(*args: str, **pod: Any) -> dict[str, Any]:
    container = {"name": "etcd", "args": list(args), "volumeMounts": pod.get("mounts", [])}
    template = {"spec": {"containers": [container], "volumes": pod.get("volumes", [])}}
    metadata = {"name": "etcd", "generation": 1}
    status = {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}
    return {
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {"replicas": 3, "template": template},
        "status": status,
    }


IN_CLEAR = ("--name=$(POD_NAME)", "--listen-peer-urls=http://0.0.0.0:2380", "--listen-client-urls=http://0.0.0.0:2379")
BY_TLS = (
    "--listen-peer-urls=https://0.0.0.0:2382",
    "--cert-file=/c",
    "--peer-cert-file=/c",
    "--peer-client-cert-auth=true",
)


class TestBringingOver:
    @pytest.mark.thorough
    def test_members_listen_both_ways_and_then_learn_new_addresses(self, kubectl, said):
        wanted = stateful_set(*BY_TLS, mounts=[{"name": "server"}], volumes=[{"name": "server"}])
        policy = {"kind": "NetworkPolicy", "metadata": {"name": "fanfold-etcd"}}
        kubectl.answer("get statefulset etcd", stateful_set(*IN_CLEAR))
        kubectl.answer("get deployments,", {"items": [stateful_set(*IN_CLEAR)]})
        kubectl.answer("member list", {"members": [{"ID": 10 + at, "name": name} for at, name in enumerate(MEMBERS)]})
        migrate_to_tls(KUBECTL, [wanted, policy], 5, said.append)
        changes = [call.words for call in kubectl.calls(" (apply|patch|exec) ")]
        assert "apply -f -" in changes[0], "the network lets the new port through first"
        patch = json.loads(changes[1].partition("--patch=")[2])["spec"]["template"]["spec"]
        assert patch["containers"][0]["args"] == [
            IN_CLEAR[0],
            "--listen-peer-urls=http://0.0.0.0:2380,https://0.0.0.0:2382",
            IN_CLEAR[2],
            *BY_TLS[2:],
        ]
        assert patch["volumes"] == [{"name": "server"}]
        assert [words.partition(" etcdctl ")[2] for words in changes[3:]] == [
            f"member update {ident} --peer-urls=https://{name}.etcd:2382"
            for ident, name in zip("abc", MEMBERS, strict=True)
        ]

    @pytest.mark.parametrize("installed", ["", stateful_set(*BY_TLS)])
    def test_where_there_is_nothing_to_bring_over_nothing_is_done(self, kubectl, said, installed):
        kubectl.answer("get statefulset etcd", installed)
        migrate_to_tls(KUBECTL, [stateful_set(*BY_TLS)], 5, said.append)
        assert not kubectl.calls(" (apply|patch|exec) ")
