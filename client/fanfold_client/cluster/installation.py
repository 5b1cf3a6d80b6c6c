"""Install Fanfold on Kubernetes and remove it: `kubectl apply -k` on an overlay, and what that alone can't do.

Secrets are random and only stored in the cluster; the first admin's password is shown once. Each step first checks
whether it is done already, so installing again, or after a failure, continues from there.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fanfold_client.api.problems import NotFound
from fanfold_client.cluster import rollout
from fanfold_client.cluster.etcd_migration import migrate_to_tls
from fanfold_client.cluster.etcd_tls import USERS, create_certificates, enforce_access
from fanfold_client.cluster.kubectl import CommandEnded, Kubectl
from fanfold_client.cluster.objects import OURS, Object, secret, uses_secret
from fanfold_client.cluster.overlay import Overlay, prepared
from fanfold_client.cluster.requirements import (
    argo_resources,
    node_ports,
    require_argo,
    require_free_ports,
    require_open_api_server,
)

ADMIN_EXISTS = 5
RUNS = "deployments,statefulsets,services,poddisruptionbudgets,networkpolicies,configmaps"
RIGHTS = "serviceaccounts,roles,rolebindings"
DATA = "persistentvolumeclaims,secrets"
JOBS = "fanfold.dev/job"
UNFINISHED = f"{JOBS},workflows.argoproj.io/completed!=true"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Installed:
    """An installation. The password is set only if an admin was created."""

    namespace: str
    url: str | None
    auth_url: str | None
    admin: str | None = None
    password: str | None = None


def install(
    overlay: Overlay, kubectl: Kubectl, say: Say, *, admin: str, seconds: float, nodeports: bool = True
) -> Installed:
    """Install the overlay, or update the installation to it; returns once everything is running.

    Args:
        overlay: what to install.
        kubectl: the cluster and namespace.
        say: called with messages about the progress.
        admin: the name of the first admin.
        seconds: how long to wait until everything is running.
        nodeports: expose the services on ports of the nodes.

    Raises:
        ClientError: it failed; the message says what to do.
    """
    with prepared(overlay, kubectl, nodeports=nodeports) as (folder, objects):
        require_argo(kubectl, objects)
        require_free_ports(kubectl, objects)
        require_open_api_server(kubectl, objects)
        _create_namespace(kubectl, objects)
        _create_secrets(kubectl, objects, say)
        renewed = create_certificates(kubectl, objects, say)
        migrate_to_tls(kubectl, objects, seconds, say)
        say(f"kubectl apply -k {overlay.folder} (namespace {overlay.namespace})")
        kubectl.run("apply", "-k", str(folder))
        names = [item["metadata"]["name"] for item in objects if item["kind"] in ("Deployment", "StatefulSet")]
        if renewed:  # services read them when they start
            kubectl.run("rollout", "restart", *(f"deployment/{name}" for name in USERS))
        rollout.wait(kubectl, names, seconds, say)
        enforce_access(kubectl, objects, say)
        password = _create_admin(kubectl, admin, say)
        address = _node_address(kubectl)
        urls = {name: f"http://{address}:{port}" for name, port in node_ports(objects).items() if address}
    return Installed(overlay.namespace, urls.get("submit"), urls.get("auth"), admin if password else None, password)


def rehearse(overlay: Overlay, kubectl: Kubectl, mode: str, *, nodeports: bool = True) -> str:
    """What `kubectl apply --dry-run=MODE` prints; nothing is changed.

    Raises:
        NotFound: the namespace doesn't exist, which the mode `server` requires.
        ClientError: the server would reject something.
    """
    with prepared(overlay, kubectl, nodeports=nodeports) as (folder, objects):
        if mode == "server":
            require_argo(kubectl, objects)
            if not kubectl.exists("namespace", overlay.namespace):
                raise NotFound(
                    f"The namespace {overlay.namespace} doesn't exist, and the server can't check anything without it: "
                    f"create it with `kubectl create namespace {overlay.namespace}`, or use --dry-run client."
                )
        return kubectl.run("apply", "-k", str(folder), f"--dry-run={mode}")


def remove(kubectl: Kubectl, say: Say, *, data: bool) -> None:
    """Remove an installation from its namespace. Volumes, keys and the namespace are kept unless `data` is set.

    Running jobs are stopped in Kubernetes; they resume when Fanfold is installed again on the same data.

    Raises:
        NotFound: there is no such namespace.
    """
    if not kubectl.exists("namespace", kubectl.namespace):
        raise NotFound(f"There is no namespace {kubectl.namespace}; choose another with --namespace or --overlay.")
    say(f"removing Fanfold from namespace {kubectl.namespace}")
    # The submit service goes first, and completely: otherwise it would restart the Workflows that are deleted next.
    kubectl.run("delete", "deployment", "submit", "--ignore-not-found", "--cascade=foreground")
    ended = JOBS if data else UNFINISHED  # pods of failed jobs stay for inspection, and hold the volume
    if argo_resources(kubectl):
        kubectl.run("delete", "workflows.argoproj.io", "--selector", ended, "--ignore-not-found")
    kubectl.run("delete", f"{RUNS},{RIGHTS}", "--selector", OURS, "--ignore-not-found")
    kubectl.run("wait", "pods", "--selector", OURS, "--for=delete", "--timeout=100s")
    if data:
        say(f"deleting its data and the namespace {kubectl.namespace}")
        kubectl.run("wait", "pods", "--selector", JOBS, "--for=delete", "--timeout=100s")
        kubectl.run("delete", DATA, "--selector", OURS, "--ignore-not-found")
        kubectl.run("delete", "namespace", kubectl.namespace, "--ignore-not-found", seconds=300)


def _create_namespace(kubectl: Kubectl, objects: list[Object]) -> None:
    """Create the namespace, which the secrets need. Raises NotFound: the overlay doesn't define it."""
    if kubectl.exists("namespace", kubectl.namespace):
        return
    for item in objects:
        if item["kind"] == "Namespace":
            kubectl.run("apply", "-f", "-", stdin=json.dumps(item))
            return
    raise NotFound(
        f"There is no namespace {kubectl.namespace}; create it with `kubectl create namespace {kubectl.namespace}`."
    )


def _create_secrets(kubectl: Kubectl, objects: list[Object], say: Say) -> None:
    """Create the Secrets that the objects refer to. Existing ones are never changed: they protect existing data."""
    contents = {
        "fanfold-auth-kek": {"kek": base64.b64encode(secrets.token_bytes(32)).decode()},
        "fanfold-s3": {
            "AWS_ACCESS_KEY_ID": f"fanfold-{secrets.token_hex(6)}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32),
        },
    }
    for name, content in contents.items():
        if uses_secret(objects, name) and not kubectl.exists("secret", name):
            kubectl.run("create", "-f", "-", stdin=secret(name, kubectl.namespace, content))
            say(f"created the Secret {name}")


def _create_admin(kubectl: Kubectl, name: str, say: Say) -> str | None:
    """Create the first admin and return the password; None if there is an admin already."""
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
