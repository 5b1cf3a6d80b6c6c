"""What pods reach while NetworkPolicies are enforced: each try from a job's pod, and the same from one that may.

The test cluster's network drops what a policy denies. A try that is refused therefore runs into its time-out; one that
failed for another reason, for example on a closed port, ends in another way, and the test tells.

A job's pod reaches the API server, because Argo's executor in it has to; the job's own code has no token for it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.argo.installation import Installation, kubectl
from tests.argo.outside import METADATA, WORLD, outside

SECURITY = Path(__file__).parents[2] / "docs/security.md"
FREE = "fanfold-free"
"""A namespace without policies."""
NAME = "app.kubernetes.io/name"
PODS = {
    "job": {"fanfold.dev/job": "1", "fanfold.dev/owner": "ada", "fanfold.dev/stage": "0"},
    "other-job": {"fanfold.dev/job": "2", "fanfold.dev/owner": "bob", "fanfold.dev/stage": "0"},
    "bare": {},
    "member": {NAME: "etcd"},
}
"""Pods beside the installation's own, and their labels."""
PORT = 8000
LISTEN = f"import signal, socket; server = socket.create_server(('', {PORT})); signal.pause()"
TRY = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def attempt(place):
    try:
        if place is None:
            return socket.gethostbyname("kubernetes.default.svc.cluster.local") and "reached"
        with socket.create_connection(place, timeout=4):
            return "reached"
    except TimeoutError:
        return "dropped"
    except OSError as failed:
        return repr(failed)

places = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(places)) as pool:
    print(json.dumps(dict(zip(places, pool.map(attempt, places.values())))))
"""
OPEN_TO_ALL = {"a name", "DNS over TCP", "the API server"}
WHO_MAY = {
    "etcd, by its service": "submit",
    "etcd": "submit",
    "etcd's peers": "member",
    "etcd's metrics": "node",
    "auth": "submit",
    "submit": "free",
    "another job's pod": "node",
    "Argo's server": "free",
    "the metadata address": "free",
    "the world, HTTP": "free",
    "the world, HTTPS": "free",
    "the world, DNS": "free",
    "MinIO": "submit",
}
"""What a job's pods don't reach, and who does; MinIO, which is there with S3, they do."""
pytestmark = pytest.mark.timeout(400)

Place = tuple[str, int] | None


@dataclass(frozen=True)
class Network:
    """The installation's places, and those who try to reach them."""

    namespace: str
    places: dict[str, Place]

    def tries(self, who: str, *names: str) -> dict[str, str]:
        """How the tries to reach these places (all, if none is named) end for somebody."""
        wanted = json.dumps({name: self.places[name] for name in names or self.places})
        if who == "node":
            told = subprocess.run(
                [sys.executable, "-c", TRY, wanted], capture_output=True, text=True, check=True
            ).stdout
        else:
            namespace = FREE if who == "free" else self.namespace
            pod = f"deployment/{who}" if who in ("auth", "submit") else f"pod/{who}"
            told = kubectl("exec", "--namespace", namespace, pod, "--", "python3", "-c", TRY, wanted)
        found: dict[str, str] = json.loads(told)
        return found


@pytest.fixture(scope="module")
def network(installation: Installation) -> Iterator[Network]:
    """The installation with pods to try from, and something outside to reach."""
    namespace = installation.namespace
    settings = ("-n", namespace, "configmaps", "-o", "jsonpath={.items[*].data.FANFOLD_SUBMIT_STEPS_IMAGE}")
    image = kubectl("get", *settings).split()[0]
    kubectl("create", "namespace", FREE)
    try:
        with outside():
            _create(namespace, image, PODS)
            _create(FREE, image, {"free": {}})
            yield Network(namespace, _places(namespace))
    finally:
        kubectl("delete", "pods", "-n", namespace, "--ignore-not-found", *PODS)
        kubectl("delete", "namespace", FREE)


def _create(namespace: str, image: str, pods: dict[str, dict[str, str]]) -> None:
    """Returns when the kubelet's probes have reached all of them."""
    items = [_pod(namespace, name, labels, image) for name, labels in pods.items()]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    subprocess.run(["kubectl", "create", "-f", "-"], input=manifest, text=True, check=True, timeout=60)
    kubectl("wait", "pods", "-n", namespace, "--for=condition=ContainersReady", "--timeout=120s", *pods)


def _pod(namespace: str, name: str, labels: dict[str, str], image: str) -> dict[str, object]:
    """One that is never ready, so that no Service leads to it."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", LISTEN],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "securityContext": security,
    }
    spec = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "readinessGates": [{"conditionType": "fanfold.dev/never"}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 8737, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _places(namespace: str) -> dict[str, Place]:
    pods = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
    addresses = {pod["metadata"]["name"]: pod["status"].get("podIP", "") for pod in pods}
    services = json.loads(kubectl("get", "services", "--all-namespaces", "-o", "json"))["items"]
    cluster = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"]["clusterIP"] for item in services
    }
    minio: dict[str, Place] = {"MinIO": (cluster[namespace, "minio"], 9000)} if (namespace, "minio") in cluster else {}
    return {
        "a name": None,
        "DNS over TCP": (cluster["kube-system", "kube-dns"], 53),
        "the API server": (cluster["default", "kubernetes"], 443),
        "etcd, by its service": (cluster[namespace, "etcd-client"], 2379),
        "etcd": (addresses["etcd-0"], 2379),
        "etcd's peers": (addresses["etcd-0"], 2382),
        "etcd's metrics": (addresses["etcd-0"], 2381),
        "auth": (cluster[namespace, "auth"], 1337),
        "submit": (cluster[namespace, "submit"], 1338),
        "another job's pod": (addresses["other-job"], PORT),
        "Argo's server": (cluster["argo", "argo-server"], 2746),
        "the metadata address": (METADATA, 80),
        "the world, HTTP": (WORLD, 80),
        "the world, HTTPS": (WORLD, 443),
        "the world, DNS": (WORLD, 53),
        **minio,
    }


@pytest.mark.parametrize("who", ["job", "bare"])
def test_a_pod_reaches_names_the_api_server_and_nothing_else(network: Network, who: str) -> None:
    reached = OPEN_TO_ALL | ({"MinIO"} if who == "job" else set())
    expected = {name: "reached" if name in reached else "dropped" for name in network.places}
    assert network.tries(who) == expected


@pytest.mark.parametrize("who", sorted(set(WHO_MAY.values())))
def test_the_same_places_are_reached_by_those_who_may(network: Network, who: str) -> None:
    names = [name for name in network.places if WHO_MAY.get(name) == who]
    assert network.tries(who, *names) == dict.fromkeys(names, "reached")


def test_every_place_is_tried_by_somebody_who_may_and_described(network: Network) -> None:
    assert network.places.keys() <= WHO_MAY.keys() | OPEN_TO_ALL
    described = SECURITY.read_text()
    for name in network.places:
        job, bare = ("open" if name in may else "closed" for may in (OPEN_TO_ALL | {"MinIO"}, OPEN_TO_ALL))
        assert f"| {name} | {job} | {bare} |" in described


@pytest.mark.parametrize("who", ["job", "bare", "auth", "submit", "member", "free"])
def test_only_the_node_reaches_the_metrics_of_etcd(network: Network, who: str) -> None:
    assert network.tries(who, "etcd's metrics") == {"etcd's metrics": "dropped"}


def test_submit_and_auth_reach_nothing_outside_either(network: Network) -> None:
    names = [name for name in network.places if name.startswith(("the world", "the metadata"))]
    for who in ("auth", "submit"):
        assert network.tries(who, *names) == dict.fromkeys(names, "dropped")


@pytest.mark.parametrize("who", ["submit", "free"])
def test_nobody_reaches_a_jobs_pod(network: Network, who: str) -> None:
    assert network.tries(who, "another job's pod") == {"another job's pod": "dropped"}
