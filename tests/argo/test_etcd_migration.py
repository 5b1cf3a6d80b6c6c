"""An installation whose etcd talks in the clear, as earlier versions installed it, is brought over to TLS."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fanfold_client.cluster.etcd.tls import create_certificates
from fanfold_client.cluster.kubectl import Kubectl
from tests.argo.installation import eventually, kubectl
from tests.argo.rendering import ARGO, of_kind, overlay, render

NAMESPACE = "before-tls"
FANFOLD = [sys.executable, "-m", "fanfold_client"]
MEMBERS = ("etcd-0", "etcd-1", "etcd-2")


def in_clear(args: list[str]) -> list[str]:
    """What etcd's arguments were before."""
    kept = [arg for arg in args if not any(sign in arg for sign in ("cert", "key-file", "trusted-ca"))]
    return [arg.replace("https://", "http://").replace(":2382", ":2380") for arg in kept]


def earlier(folder: Path) -> list[dict[str, Any]]:
    """The test overlay as an earlier version had it, as far as etcd is concerned."""
    (container,) = of_kind(overlay("test"), "StatefulSet")["etcd"]["spec"]["template"]["spec"]["containers"]
    argo = Path(*[".."] * len(folder.resolve().parts[1:])) / ARGO.relative_to("/")
    nothing = [f"ETCDCTL_{name}=" for name in ("CACERT", "CERT", "KEY")]
    args = "/spec/template/spec/containers/0"
    change = [
        {"op": "replace", "path": f"{args}/args", "value": in_clear(container["args"])},
        {"op": "replace", "path": f"{args}/env", "value": container["env"][:1]},
    ]
    places = {
        "namespace": NAMESPACE,
        "resources": [f"{argo}/overlays/test"],
        "components": [f"{argo}/components/no-nodeports"],
        "configMapGenerator": [
            {"name": f"fanfold-{service}", "behavior": "merge", "literals": nothing} for service in ("auth", "submit")
        ],
        "patches": [{"target": {"kind": "StatefulSet", "name": "etcd"}, "patch": json.dumps(change)}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(places))
    return render(folder)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    """It runs, and has an admin."""
    objects = earlier(tmp_path)
    kubectl("create", "namespace", NAMESPACE)
    try:
        create_certificates(Kubectl(NAMESPACE), objects, print)  # mounted, and not used
        kek = f"--from-literal=kek={secrets.token_hex(32)}"
        kubectl("create", "secret", "generic", "fanfold-auth-kek", "-n", NAMESPACE, kek)
        kubectl("apply", "-k", str(tmp_path))
        for what in ("statefulset/etcd", "deployment/auth", "deployment/submit"):
            kubectl("rollout", "status", "-n", NAMESPACE, what, "--timeout=170s")
        creating = ("python", "-m", "fanfold_auth", "admin", "grace", "--password-stdin", "--first")
        command = ["kubectl", "exec", "-i", "-n", NAMESPACE, "deployment/auth", "--", *creating]
        subprocess.run(command, input=b"correct horse battery staple\n", check=True, timeout=60)
        yield
    finally:
        where = ("--overlay", "test", "--namespace", NAMESPACE, "--data", "--yes")
        subprocess.run([*FANFOLD, "undeploy", *where], check=True, timeout=300)
        kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s")


def etcdctl(*words: str, member: str = MEMBERS[0]) -> str:
    return kubectl("exec", "-n", NAMESPACE, member, "-c", "etcd", "--", "etcdctl", *words)


def demands_users(member: str) -> bool:
    return "Status: true" in etcdctl("auth", "status", member=member)


@pytest.mark.usefixtures("installed")
@pytest.mark.long
def test_its_records_stay_and_only_their_owners_read_them_from_then_on() -> None:
    before = json.loads(etcdctl("get", "auth/users/grace", "--write-out=json"))["kvs"]
    assert len(before) == 1
    where = ["--overlay", "test", "--namespace", NAMESPACE, "--no-nodeports"]
    for turn in ("brings it over", "changes nothing"):
        done = subprocess.run([*FANFOLD, "deploy", *where], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        assert ("moving etcd to TLS" in done.stderr) == (turn == "brings it over")
        assert "there is an admin already" in done.stderr
    assert json.loads(etcdctl("get", "auth/users/grace", "--write-out=json"))["kvs"] == before
    assert "Status: true" in etcdctl("auth", "status")
    members = json.loads(etcdctl("member", "list", "--write-out=json"))["members"]
    assert sorted(url for member in members for url in (*member["peerURLs"], *member["clientURLs"])) == sorted(
        f"https://{name}.etcd:{port}" for name in MEMBERS for port in (2379, 2382)
    )
    for member in MEMBERS:
        eventually(partial(demands_users, member), f"{member} answers")
