"""`fanfold deploy` and `undeploy` on a real cluster: two side by side, again and again, and what stays."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.argo.installation import Installation, eventually, kubectl

FIRST, SECOND = "fanfold-first", "fanfold-second"
SLOW = """
import time
from fanfold import Job, Sum

def words(line):
    time.sleep(0.1)
    return [(word, 1) for word in line.split()]

job = Job(map=words, reduce=Sum())
"""
pytestmark = pytest.mark.timeout(400)


def fanfold(*words: str) -> subprocess.CompletedProcess[str]:
    """`fanfold WORDS…`, to its end."""
    command = [sys.executable, "-m", "fanfold_client", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def deploy(namespace: str, *options: str) -> dict[str, Any]:
    done = fanfold("deploy", "--overlay", "test", "--namespace", namespace, "--json", *options)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def undeploy(namespace: str, *options: str) -> None:
    done = fanfold("undeploy", "--overlay", "test", "--namespace", namespace, "--yes", *options)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def first() -> Iterator[dict[str, Any]]:
    """An installation with its files on a volume, on the nodes' ports."""
    yield deploy(FIRST, "--admin", "ada")
    undeploy(FIRST, "--data")


def log_in(auth_url: str, name: str, password: str) -> int:
    """The status that the auth service answers a login with."""
    body = json.dumps({"name": name, "password": password}).encode()
    request = urllib.request.Request(f"{auth_url}/v1/login", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.mark.parametrize("overlay", ["minikube", "minikube-s3"])
def test_the_api_server_accepts_what_minikube_gets_in_any_namespace(overlay):
    kubectl("create", "namespace", "team-b")
    try:
        done = fanfold("deploy", "--overlay", overlay, "--namespace", "team-b", "--dry-run", "server")
        assert done.returncode == 0, done.stderr
        accepted = {line.split()[0] for line in done.stdout.splitlines() if "created (server dry run)" in line}
        assert {"deployment.apps/auth", "deployment.apps/submit", "statefulset.apps/etcd", "service/auth"} <= accepted
        assert kubectl("get", "deployments,statefulsets,services,secrets", "-n", "team-b", "-o", "name") == ""
    finally:
        kubectl("delete", "namespace", "team-b")


def test_who_deploys_gets_a_working_admin_and_only_once(first):
    assert log_in(first["auth_url"], "ada", first["password"]) == 200
    again = deploy(FIRST, "--admin", "eve")
    assert (again["admin"], again["password"]) == (None, None)
    assert log_in(first["auth_url"], "ada", first["password"]) == 200


def test_a_second_installation_beside_it_needs_ports_of_its_own(first):
    """It is told so before anything is made; without NodePorts it stands, and port-forwarding leads to it."""
    clash = fanfold("deploy", "--overlay", "test", "--namespace", SECOND)
    assert clash.returncode == 5 and f"is used by the Service auth in namespace {FIRST}" in clash.stderr
    assert SECOND not in kubectl("get", "namespaces", "-o", "name")
    try:
        told = deploy(SECOND, "--storage", "s3", "--no-nodeports")
        assert told["url"] is None and told["password"] != first["password"]
        assert about(SECOND)["auth_url"] == "http://127.0.0.1:1337"
    finally:
        undeploy(SECOND, "--data")


def about(namespace: str) -> dict[str, Any]:
    """What the submit service of a namespace says of itself, through `kubectl port-forward`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["kubectl", "port-forward", "--namespace", namespace, "service/submit", f"{port}:1338"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None and "Forwarding from" in forwarding.stdout.readline()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/about", timeout=30) as answer:
                told: dict[str, Any] = json.load(answer)
            return told
        finally:
            forwarding.terminate()


def test_an_etcd_member_that_is_killed_comes_back_to_its_data(first):
    """All three members answer again, under the ids that they had."""
    before, pod = eventually(members, "three members"), uid_of_etcd_1()
    kubectl("delete", "pod", "etcd-1", "-n", FIRST, "--grace-period=0", "--force")
    assert log_in(first["auth_url"], "ada", first["password"]) == 200
    assert len(before) == 3
    eventually(lambda: uid_of_etcd_1() not in ("", pod) and members() == before, "the same three members")


def uid_of_etcd_1() -> str:
    return kubectl("get", "pod", "etcd-1", "-n", FIRST, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}")


def members() -> set[tuple[int, int]]:
    """Cluster and member id of every member, each asked in its own pod; none while one of them doesn't answer."""
    ask = ["etcdctl", "endpoint", "status", "--write-out=json"]
    words = [["kubectl", "exec", "-n", FIRST, f"etcd-{number}", "--", *ask] for number in range(3)]
    told = [subprocess.run(each, capture_output=True, text=True, timeout=60) for each in words]
    if any(done.returncode for done in told):
        return set()
    headers = [member["Status"]["header"] for done in told for member in json.loads(done.stdout)]
    return {(header["cluster_id"], header["member_id"]) for header in headers}


def test_what_is_removed_comes_back_with_its_users_and_its_jobs(first, tmp_path):
    """`undeploy` keeps volumes and keys; a job that it interrupts goes on. The last test: it takes all down."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "lines.txt").write_text("".join(f"line {number}\n" for number in range(400)))
    ada = Installation(FIRST, first["url"], "ada", first["password"], tmp_path / "home")
    ada.login()
    shape = ("--split-size", "1KiB", "--workers", "1")
    job = ada.fanfold("submit", tmp_path / "slow.py", "--input", tmp_path / "lines.txt", *shape).strip()
    eventually(lambda: ada.done(job, "map"), "a committed map")
    undeploy(FIRST)
    left = set(kubectl("get", "all,pvc,secrets,roles,workflows", "-n", FIRST, "-o", "name").split())
    assert left == {
        "persistentvolumeclaim/fanfold-data",
        "secret/fanfold-auth-kek",
        *(f"secret/fanfold-etcd-{name}" for name in ("ca", "server", "root", "auth", "submit")),
        *(f"persistentvolumeclaim/data-etcd-{number}" for number in range(3)),
    }
    assert deploy(FIRST)["password"] is None
    assert log_in(first["auth_url"], "ada", first["password"]) == 200
    assert ada.fanfold("watch", job, "--json") and ada.status(job)["state"] == "succeeded"
    ada.fanfold("results", job, "--output", tmp_path / "out")
    counts = dict(line.split("\t") for line in (tmp_path / "out/part-00000.txt").read_text().splitlines())
    assert counts == {"line": "400"} | {str(number): "1" for number in range(400)}
