"""The overlays for clusters that others use: what they promise, whether the API server takes them, and a job apart.

cert-manager isn't on the test cluster. Stand-ins for its kinds let the API server look at all other objects, and at
these as far as any object goes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from fanfold_client.cluster.requests import Requests, requests_of
from tests.argo.browser import Visitor, chromium
from tests.argo.installation import Installation, kubectl
from tests.argo.rendering import ARGO, Manifest, of_kind, overlay, settings

PRODUCTION = ["production", "production-s3"]
SERVICES, JOBS = "fanfold", "fanfold-jobs"
PEOPLE = ("argo-ui-viewer", "argo-ui-submitter", "argo-ui-admin")
CERT_MANAGER = ("Certificate", "Issuer")
pytestmark = pytest.mark.timeout(500)


def fanfold(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fanfold_client", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=400)


def within(name: str, namespace: str) -> list[Manifest]:
    return [item for item in overlay(name) if item["metadata"].get("namespace") == namespace]


def spec_of(manifests: list[Manifest], kind: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind(manifests, kind)[name]["spec"]
    return spec


@pytest.mark.parametrize("name", PRODUCTION)
def test_jobs_have_a_namespace_that_holds_no_service(name):
    assert of_kind(overlay(name), "Namespace").keys() == {SERVICES, JOBS}
    kinds = {item["kind"] for item in within(name, JOBS)}
    assert not kinds & {"Deployment", "StatefulSet", "Service", "Ingress", "ConfigMap"}
    assert of_kind(within(name, JOBS), "ServiceAccount").keys() == {"fanfold-steps", *PEOPLE}
    (container,) = spec_of(within(name, SERVICES), "Deployment", "submit")["template"]["spec"]["containers"]
    assert {"name": "FANFOLD_SUBMIT_NAMESPACE", "value": JOBS} in container["env"]


@pytest.mark.parametrize("name", PRODUCTION)
def test_submit_and_people_have_rights_where_jobs_run_and_nowhere_else(name):
    assert of_kind(within(name, SERVICES), "Role").keys() == {"argo-ui"}, "which reads its own configuration"
    assert of_kind(within(name, SERVICES), "RoleBinding").keys() == {"argo-ui"}
    bindings = of_kind(within(name, JOBS), "RoleBinding")
    subjects = {binding: item["subjects"][0]["namespace"] for binding, item in bindings.items()}
    services = {"fanfold-submit": SERVICES, "argo-ui-workflows": SERVICES}
    assert subjects == {"fanfold-steps": JOBS, **dict.fromkeys(PEOPLE, JOBS), **services}
    assert "secrets" not in str([of_kind(within(name, JOBS), "Role")[each]["rules"] for each in PEOPLE])


@pytest.mark.parametrize("name", PRODUCTION)
def test_both_namespaces_deny_what_they_do_not_name(name):
    for namespace in (SERVICES, JOBS):
        policies = of_kind(within(name, namespace), "NetworkPolicy")
        assert policies["fanfold-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert {"fanfold-names", "fanfold-api-server"} < policies.keys()
        assert ("fanfold-s3" in policies) is (name == "production-s3")
    (rule,) = spec_of(within(name, SERVICES), "NetworkPolicy", "fanfold-services")["ingress"]
    assert [peer.popitem()[0] for peer in map(dict, rule["from"])] == ["namespaceSelector", "podSelector"]
    (rule,) = spec_of(within(name, SERVICES), "NetworkPolicy", "fanfold-argo-ui")["ingress"]
    assert [peer.popitem()[0] for peer in map(dict, rule["from"])] == ["namespaceSelector"]


@pytest.mark.parametrize("name", PRODUCTION)
def test_two_of_three_replicas_stay_up_and_etcds_members_are_apart(name):
    services = within(name, SERVICES)
    for service in ("auth", "submit"):
        assert spec_of(services, "Deployment", service)["replicas"] == 3
        assert spec_of(services, "PodDisruptionBudget", service)["minAvailable"] == 2
    assert spec_of(services, "PodDisruptionBudget", "etcd")["maxUnavailable"] == 1
    (spread,) = spec_of(services, "StatefulSet", "etcd")["template"]["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "DoNotSchedule")


@pytest.mark.parametrize("name", PRODUCTION)
def test_the_quota_has_room_for_an_update(name):
    """All replicas, and one more of each Deployment."""
    services = within(name, SERVICES)
    (quota,) = of_kind(services, "ResourceQuota").values()
    workloads = {
        item["metadata"]["name"]: item["spec"]["replicas"] for item in services if "template" in item.get("spec", {})
    }
    asked = requests_of(services)
    one_more = [asked[each].times(1) for each in workloads]
    update = sum((asked[each] for each in ("auth", "submit")), Requests())
    needed = sum(one_more, Requests()) + Requests(update.cpu / 3, update.memory / 3)
    room = requests_of([_as_pod(quota)])["quota"]
    assert needed.cpu <= room.cpu and needed.memory <= room.memory
    assert sum(workloads.values()) + 2 <= int(quota["spec"]["hard"]["pods"])


def _as_pod(quota: Manifest) -> Manifest:
    hard = {name: quota["spec"]["hard"][f"requests.{name}"] for name in ("cpu", "memory")}
    pod = {"containers": [{"resources": {"requests": hard}}]}
    return {"kind": "Deployment", "metadata": {"name": "quota"}, "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize("name", PRODUCTION)
def test_people_come_in_by_tls_and_are_told_the_same_address(name):
    services = within(name, SERVICES)
    for service in ("auth", "submit", "argo-ui"):
        spec = spec_of(services, "Ingress", service)
        (rule,), (tls,) = spec["rules"], spec["tls"]
        assert tls["hosts"] == [rule["host"]] and tls["secretName"]
        assert rule["http"]["paths"][0]["backend"]["service"] == {"name": service, "port": {"name": "http"}}
        assert "nodePort" not in str(spec_of(services, "Service", service))
    host = spec_of(services, "Ingress", "auth")["rules"][0]["host"]
    given = settings(services, "submit")
    assert given["FANFOLD_SUBMIT_AUTH_URL"] == given["FANFOLD_SUBMIT_ISSUER"] == f"https://{host}"
    assert settings(services, "auth")["FANFOLD_AUTH_ISSUER"] == given["FANFOLD_SUBMIT_ISSUER"]


def test_both_claims_are_of_one_export():
    volumes = of_kind(overlay("production"), "PersistentVolume")
    assert len({json.dumps(volume["spec"]["nfs"]) for volume in volumes.values()}) == 1
    for namespace in (SERVICES, JOBS):
        claim = spec_of(within("production", namespace), "PersistentVolumeClaim", "fanfold-data")
        volume = volumes[claim["volumeName"]]["spec"]
        assert volume["claimRef"] == {"namespace": namespace, "name": "fanfold-data"}
        assert volume["mountOptions"] == ["actimeo=1"] and volume["accessModes"] == claim["accessModes"]


def test_with_a_bucket_there_is_no_volume_of_objects():
    manifests = overlay("production-s3")
    assert not of_kind(manifests, "PersistentVolume") and not of_kind(manifests, "PersistentVolumeClaim")
    assert settings(manifests, "submit")["FANFOLD_SUBMIT_STORE"].startswith("s3://")
    assert not settings(manifests, "submit")["FANFOLD_SUBMIT_CLAIM"]
    secrets = of_kind(manifests, "Secret").values()
    assert {item["type"] for item in secrets} == {"kubernetes.io/service-account-token"}, "the key is the operator's"


@pytest.fixture
def cert_manager() -> Iterator[None]:
    """Kinds of cert-manager's that take anything."""
    stand_ins = [_stand_in(kind) for kind in CERT_MANAGER]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": stand_ins})
    _feed(text, "apply", "-f", "-")
    names = [f"crd/{item['metadata']['name']}" for item in stand_ins]
    try:
        kubectl("wait", "--for=condition=Established", *names)
        yield
    finally:
        kubectl("delete", *names)


def _stand_in(kind: str) -> dict[str, Any]:
    plural, group = f"{kind.lower()}s", "cert-manager.io"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _feed(text: str, *words: str) -> None:
    subprocess.run(["kubectl", *words], input=text, text=True, check=True, capture_output=True, timeout=60)


@pytest.fixture
def namespaces() -> Iterator[None]:
    """Both, empty: the API server looks at nothing without them."""
    for namespace in (SERVICES, JOBS):
        kubectl("create", "namespace", namespace)
    yield
    kubectl("delete", "namespace", SERVICES, JOBS)


@pytest.mark.parametrize("name", PRODUCTION)
def test_the_api_server_accepts_every_object(name, cert_manager, namespaces):
    done = fanfold("deploy", "--overlay", name, "--dry-run", "server")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(overlay(name))
    assert all(line.endswith(" (server dry run)") for line in lines)
    assert kubectl("get", "deployments,ingresses,resourcequotas", "-n", SERVICES, "-o", "name") == ""


def test_without_cert_manager_it_is_told_what_is_missing():
    done = fanfold("deploy", "--overlay", "production", "--dry-run", "server")
    assert done.returncode == 3 and "cert-manager, which is not installed" in done.stderr


MINIO_FROM_JOBS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "minio-from-jobs", "labels": {"app.kubernetes.io/part-of": "fanfold"}},
    "spec": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "minio"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": JOBS}}}]}],
    },
}


IMAGES = [
    {"name": "fanfold-auth", "newName": "lab.local/fanfold-auth", "newTag": "test"},
    {"name": "quay.io/argoproj/argocli", "newName": "lab.local/argo"},
]


@dataclass(frozen=True)
class Apart:
    """An installation whose jobs have a namespace of their own, and where its Argo UI is."""

    admin: Installation
    argo_ui: str


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    """The test overlay with MinIO and the UI, and production's own folder for jobs, whose S3 server is that MinIO."""
    folders = {name: tmp_path / "apart" / name for name in ("services", "jobs")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    argo = Path(*[".."] * len(folders["jobs"].resolve().parts[1:])) / ARGO.relative_to("/")
    (folders["services"] / "policy.json").write_text(json.dumps(MINIO_FROM_JOBS))
    endpoint = f"AWS_ENDPOINT_URL=http://minio.{SERVICES}:9000"
    services = {
        "namespace": SERVICES,
        "resources": [f"{argo}/overlays/test-s3", "policy.json"],
        "components": [f"{argo}/components/{name}" for name in ("argo-ui", "nodeports", "jobs-apart")],
        "images": IMAGES,
        "configMapGenerator": [{"name": "fanfold-submit", "behavior": "merge", "literals": [endpoint]}],
    }
    rule = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SERVICES}}}],
            "ports": [{"protocol": "TCP", "port": 9000}]}  # fmt: skip
    change = [{"op": "replace", "path": "/spec/egress", "value": [rule]}]
    jobs = {
        "namespace": JOBS,
        "resources": [f"{argo}/overlays/production-s3/jobs"],
        "patches": [{"target": {"kind": "NetworkPolicy", "name": "fanfold-s3"}, "patch": json.dumps(change)}],
    }
    whole = {"resources": ["services", "jobs"], "metadata": {"annotations": {"fanfold.dev/namespace": SERVICES}}}
    for folder, content in ((folders["services"], services), (folders["jobs"], jobs), (tmp_path / "apart", whole)):
        (folder / "kustomization.yaml").write_text(json.dumps(content))
    where = ("--overlay", str(tmp_path / "apart"))
    try:
        deployed = fanfold("deploy", *where, "--json")
        assert deployed.returncode == 0, deployed.stderr
        told = json.loads(deployed.stdout)
        admin = Installation(SERVICES, told["url"], told["admin"], told["password"], tmp_path / "home")
        admin.login()
        yield Apart(admin, told["argo_ui"])
    finally:  # else every test that comes after would meet what is left
        removed = fanfold("undeploy", *where, "--data", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not {f"namespace/{name}" for name in (SERVICES, JOBS)} & set(kubectl("get", "ns", "-o", "name").split())


def test_a_job_runs_in_its_own_namespace_and_is_seen_from_that_of_the_services(apart: Apart, tmp_path: Path):
    (tmp_path / "a.txt").write_text("to be or not to be\n")
    job = apart.admin.fanfold("submit", "wordcount", "--input", tmp_path / "a.txt", "--watch").strip()
    assert apart.admin.fanfold("results", job, "--stdout").splitlines() == ["be\t2", "not\t1", "or\t1", "to\t2"]
    (workflow,) = json.loads(kubectl("get", "workflows", "-n", JOBS, "-o", "json"))["items"]
    assert workflow["metadata"]["labels"]["fanfold.dev/job"] == job
    secrets = json.loads(kubectl("get", "secrets", "-n", JOBS, "-o", "json"))["items"]
    (secret,) = [item for item in secrets if item["type"] != "kubernetes.io/service-account-token"]
    (owner,) = secret["metadata"]["ownerReferences"]
    assert owner["uid"] == workflow["metadata"]["uid"]
    assert kubectl("get", "workflows", "-n", SERVICES, "-o", "name") == ""
    assert not may(f"{SERVICES}:fanfold-submit", "create", "workflows", SERVICES)
    assert may(f"{JOBS}:argo-ui-admin", "patch", "workflows", JOBS)
    assert not may(f"{JOBS}:argo-ui-viewer", "patch", "workflows", JOBS)
    assert not may(f"{JOBS}:argo-ui-admin", "list", "workflows", SERVICES)
    assert not may(f"{SERVICES}:argo-ui", "get", "secrets", JOBS), "of some names alone"
    url = apart.admin.status(job)["workflow"]["url"]
    assert url.startswith(f"{apart.argo_ui}/workflows/{JOBS}/fanfold-{job}")
    with chromium() as browser:
        admin = Visitor.at(browser, apart.argo_ui)
        admin.log_in(apart.admin.name, apart.admin.password, url.removeprefix(apart.argo_ui))
        expect(admin.page.get_by_text(f"fanfold-{job}").first).to_be_visible()
        expect(admin.button("Fanfold job")).to_be_visible()
        assert not admin.problems


def may(account: str, verb: str, what: str, namespace: str) -> bool:
    """Whether an account may do that."""
    words = ["kubectl", "auth", "can-i", verb, what, "-n", namespace, f"--as=system:serviceaccount:{account}"]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip() == "yes"
