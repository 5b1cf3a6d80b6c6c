"""Install Fanfold on Kubernetes and remove it: `kubectl apply -k` on an overlay, and what that alone can't do.

Secrets are made of random bytes in the cluster, never written down; the first admin's password is shown once. Each step
looks first whether it is done, so that installing again, or after a failure, goes on from there.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fanfold_client.cluster import rollout
from fanfold_client.cluster.kubectl import CommandEnded, Kubectl
from fanfold_client.cluster.overlay import Overlay, prepared
from fanfold_client.cluster.requirements import argo_resources, need_argo, need_free_ports, node_ports
from fanfold_client.problems import NotFound

ADMIN_EXISTS = 5
RUNS = "deployments,statefulsets,services,poddisruptionbudgets,networkpolicies,configmaps"
RIGHTS = "serviceaccounts,roles,rolebindings"
DATA = "persistentvolumeclaims,secrets"
JOBS = "fanfold.dev/job"
UNFINISHED = f"{JOBS},workflows.argoproj.io/completed!=true"

Say = Callable[[str], None]
Object = dict[str, Any]


@dataclass(frozen=True)
class Installed:
    """What to know of an installation. A password only when an admin was made."""

    namespace: str
    url: str | None
    auth_url: str | None
    admin: str | None = None
    password: str | None = None


def install(
    overlay: Overlay, kubectl: Kubectl, say: Say, *, admin: str, seconds: float, nodeports: bool = True
) -> Installed:
    """Install the overlay, or bring what is installed up to it; return when everything stands.

    Raises:
        ClientError: it can't be done, with what to do about it.
    """
    with prepared(overlay, kubectl, nodeports=nodeports) as (folder, objects):
        need_argo(kubectl, objects)
        need_free_ports(kubectl, objects)
        _make_namespace(kubectl, objects)
        _make_secrets(kubectl, objects, say)
        say(f"kubectl apply -k {overlay.folder} (namespace {overlay.namespace})")
        kubectl.run("apply", "-k", str(folder))
        names = [item["metadata"]["name"] for item in objects if item["kind"] in ("Deployment", "StatefulSet")]
        rollout.wait(kubectl, names, seconds, say)
        password = _make_admin(kubectl, admin, say)
        address = _node_address(kubectl)
        urls = {name: f"http://{address}:{port}" for name, port in node_ports(objects).items() if address}
    return Installed(overlay.namespace, urls.get("submit"), urls.get("auth"), admin if password else None, password)


def rehearse(overlay: Overlay, kubectl: Kubectl, mode: str, *, nodeports: bool = True) -> str:
    """What `kubectl apply --dry-run=MODE` says; nothing is changed.

    Raises:
        NotFound: the server is to judge, but the namespace isn't there, and it judges nothing without.
        ClientError: the server would refuse something.
    """
    with prepared(overlay, kubectl, nodeports=nodeports) as (folder, objects):
        if mode == "server":
            need_argo(kubectl, objects)
            if not kubectl.exists("namespace", overlay.namespace):
                raise NotFound(
                    f"The namespace {overlay.namespace} doesn't exist, and the server judges nothing without it: "
                    f"`kubectl create namespace {overlay.namespace}`, or use --dry-run client."
                )
        return kubectl.run("apply", "-k", str(folder), f"--dry-run={mode}")


def remove(kubectl: Kubectl, say: Say, *, data: bool) -> None:
    """Take an installation out of its namespace. Its volumes, keys and namespace stay unless `data` is to go too.

    Jobs that still run are ended in Kubernetes; when Fanfold is installed again on the same data, they go on.

    Raises:
        NotFound: there is no such namespace.
    """
    if not kubectl.exists("namespace", kubectl.namespace):
        raise NotFound(f"There is no namespace {kubectl.namespace}: --namespace or --overlay chooses another.")
    say(f"removing Fanfold from namespace {kubectl.namespace}")
    # Submit first, and wholly, or it starts anew what is ended next.
    kubectl.run("delete", "deployment", "submit", "--ignore-not-found", "--cascade=foreground")
    ended = JOBS if data else UNFINISHED  # a failed job's pods stay to be looked at, and hold the volume
    if argo_resources(kubectl):
        kubectl.run("delete", "workflows.argoproj.io", "--selector", ended, "--ignore-not-found")
    kubectl.run("delete", f"{RUNS},{RIGHTS}", "--selector", rollout.OURS, "--ignore-not-found")
    kubectl.run("wait", "pods", "--selector", rollout.OURS, "--for=delete", "--timeout=100s")
    if data:
        say(f"deleting its data and the namespace {kubectl.namespace}")
        kubectl.run("wait", "pods", "--selector", JOBS, "--for=delete", "--timeout=100s")
        kubectl.run("delete", DATA, "--selector", rollout.OURS, "--ignore-not-found")
        kubectl.run("delete", "namespace", kubectl.namespace, "--ignore-not-found", seconds=300)


def _make_namespace(kubectl: Kubectl, objects: list[Object]) -> None:
    """Before all else, since the secrets are to lie in it."""
    if kubectl.exists("namespace", kubectl.namespace):
        return
    for item in objects:
        if item["kind"] == "Namespace":
            kubectl.run("apply", "-f", "-", stdin=json.dumps(item))
            return
    raise NotFound(f"There is no namespace {kubectl.namespace}: `kubectl create namespace {kubectl.namespace}`.")


def _make_secrets(kubectl: Kubectl, objects: list[Object], say: Say) -> None:
    """Those that are referred to and aren't there. What is there is never changed: data was encrypted with it."""
    contents = {
        "fanfold-auth-kek": {"kek": base64.b64encode(secrets.token_bytes(32)).decode()},
        "fanfold-s3": {
            "AWS_ACCESS_KEY_ID": f"fanfold-{secrets.token_hex(6)}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32),
        },
    }
    text = json.dumps(objects)
    for name, content in contents.items():
        referred = f'"name": "{name}"' in text or f'"secretName": "{name}"' in text
        if referred and not kubectl.exists("secret", name):
            labels = dict([rollout.OURS.split("=")])
            metadata = {"name": name, "namespace": kubectl.namespace, "labels": labels}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content}
            kubectl.run("create", "-f", "-", stdin=json.dumps(secret))
            say(f"made the Secret {name}")


def _make_admin(kubectl: Kubectl, name: str, say: Say) -> str | None:
    """Make the first admin and return the password; None where there is an admin already."""
    password = secrets.token_urlsafe(18)
    command = ("python", "-m", "fanfold_auth", "admin", name, "--password-stdin", "--first")
    try:
        kubectl.run("exec", "-i", "deployment/auth", "--", *command, stdin=f"{password}\n")
    except CommandEnded as ended:
        if ended.status != ADMIN_EXISTS:
            raise
        say("there is an admin already")
        return None
    return password


def _node_address(kubectl: Kubectl) -> str | None:
    for kind in ("ExternalIP", "InternalIP"):
        for node in kubectl.items_if_allowed("nodes"):
            for address in node["status"].get("addresses", []):
                if address["type"] == kind:
                    return str(address["address"])
    return None
