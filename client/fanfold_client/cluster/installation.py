"""Install Fanfold on Kubernetes: `kubectl apply -k` on an overlay, and what that alone can't do.

Secrets are random and only stored in the cluster; the first admin's password is shown once. Each step first checks
whether it is done already, so installing again, or after a failure, continues from there.
"""

import base64
import json
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from fanfold_client.api.problems import NotFound, Refused
from fanfold_client.cluster import argo, argo_ui, rollout
from fanfold_client.cluster.etcd.migration import migrate_to_tls
from fanfold_client.cluster.etcd.tls import USERS, create_certificates, enforce_access
from fanfold_client.cluster.kubectl import CommandEnded, Kubectl
from fanfold_client.cluster.local.clusters import LocalCluster, find_local_cluster
from fanfold_client.cluster.local.node_images import ImageChoice, NodeImages, ensure_images
from fanfold_client.cluster.objects import Object, find, namespaces, secret, uses_secret, workloads
from fanfold_client.cluster.overlay import Overlay, apply, prepared, rendered_with
from fanfold_client.cluster.requests import Requests, requests_of
from fanfold_client.cluster.requirements import (
    ingress_urls,
    node_ports,
    require_argo,
    require_cert_manager,
    require_free_ports,
    require_open_api_server,
    require_own_names,
)

ADMIN_EXISTS = 5
CONNECT_SECONDS = 3.0
HTTPS_PORT = 443
S3_KEY = "fanfold-s3"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What `fanfold deploy` is asked for besides the overlay."""

    admin: str = "admin"
    """The name of the first admin, with a random password."""
    seconds: float = 300
    """How long to wait until everything runs."""
    nodeports: bool = True
    """Whether the services are exposed on ports of the nodes."""
    demo: bool = False
    """Whether to create the demo's users instead, whose password everybody knows."""
    argo: str | None = None
    """The manifest of Argo Workflows, to install it where it is missing; on minikube and kind that is the default."""
    images: ImageChoice = "missing"
    """Which of Fanfold's images to build, on minikube and kind."""


@dataclass(frozen=True)
class Installed:
    """An installation."""

    namespace: str
    url: str | None
    auth_url: str | None
    argo_ui: str | None
    """The URL of the Argo UI, if there is one."""
    admin: str | None
    """The admin that was created, if any, with the password."""
    password: str | None
    demo_users: tuple[str, ...]
    """The demo's users that were created."""
    is_reachable: bool
    """Whether the services answer this machine at their URLs."""
    requests: dict[str, Requests]
    """What it asks of the cluster, by workload or claim."""

    @property
    def total(self) -> Requests:
        """What it asks of the cluster in all."""
        return sum(self.requests.values(), Requests())


def install(overlay: Overlay, kubectl: Kubectl, options: Options, say: Say) -> Installed:
    """Install the overlay, or update the installation to it; returns once everything is running.

    Args:
        overlay: what to install.
        kubectl: the cluster and namespace.
        options: what else was asked for.
        say: called with messages about the progress.

    Raises:
        ClientError: it failed; the message says what to do.
    """
    local = find_local_cluster(kubectl)
    if options.demo and local is None:
        raise Refused(
            "everybody knows the demo's password, so --demo is for minikube and kind alone, and this cluster is "
            "neither: leave it out, or select another cluster with --context"
        )
    if options.images == "all" and local is None:
        raise Refused(
            "only minikube and kind get their images from here, and this cluster is neither: push them to the registry "
            "that your overlay names, and leave out --images"
        )
    with prepared(overlay, kubectl, nodeports=options.nodeports) as (folder, objects):
        require_own_names(overlay, objects)
        if local or options.argo:
            argo.ensure(kubectl, options.argo or argo.MANIFEST, options.seconds, say)
        require_argo(kubectl, objects)
        require_cert_manager(kubectl, objects)
        require_free_ports(kubectl, objects)
        require_open_api_server(kubectl, objects)
        images = ensure_images(kubectl, local, objects, options.images, say) if local else NodeImages()
        urls = _urls(kubectl, local, objects)
        ui = argo_ui.find_argo_ui(objects, overlay.namespace, urls)
        if ui and (lacking := argo_ui.literals_for(ui, objects, urls)):
            objects = rendered_with(kubectl, folder, objects, lacking)
        _create_namespace(kubectl, objects)
        _create_secrets(kubectl, objects, say)
        if ui:
            _create_namespace(replace(kubectl, namespace=ui.namespace), objects)
            argo_ui.ensure_client_secret(kubectl, ui, say)
        renewed = create_certificates(kubectl, objects, say)
        migrate_to_tls(kubectl, objects, options.seconds, say)
        say(f"kubectl apply -k {overlay.folder} (namespace {overlay.namespace})")
        apply(overlay, kubectl, folder)
        images.remember(kubectl)
        if renewed or images.are_replaced:  # services read certificates when they start
            kubectl.run("rollout", "restart", *(f"deployment/{name}" for name in USERS))
        for namespace, names in workloads(objects, overlay.namespace).items():
            rollout.wait(replace(kubectl, namespace=namespace), names, options.seconds, say)
        enforce_access(kubectl, objects, say)
        if ui:
            argo_ui.register(kubectl, ui, say)
        demo_users = _create_demo_users(kubectl, say) if options.demo else ()
        password = None if options.demo else _create_admin(kubectl, options.admin, say)
        _migrate_records(kubectl, say)
    url, admin = urls.get("submit"), options.admin if password else None
    asked = requests_of(objects)
    auth_url, ui_url = urls.get("auth"), ui.url if ui else None
    return Installed(overlay.namespace, url, auth_url, ui_url, admin, password, demo_users, _answers(url), asked)


def _urls(kubectl: Kubectl, local: LocalCluster | None, objects: list[Object]) -> dict[str, str]:
    """Where browsers reach the services, by name: at ports of the nodes, or by an Ingress."""
    ports = node_ports(objects)
    address = (local and local.address) or (_node_address(kubectl) if ports else None)
    urls = {name: f"http://{address}:{port}" for name, port in ports.items() if address}
    return urls | ingress_urls(objects)


def rehearse(overlay: Overlay, kubectl: Kubectl, mode: str, *, nodeports: bool = True) -> str:
    """What `kubectl apply --dry-run=MODE` prints; nothing is changed.

    Raises:
        NotFound: the namespace doesn't exist, which the mode `server` requires.
        ClientError: the server would reject something.
    """
    with prepared(overlay, kubectl, nodeports=nodeports) as (folder, objects):
        if mode == "server":
            require_argo(kubectl, objects)
            require_cert_manager(kubectl, objects)
            for namespace in namespaces(objects) or [overlay.namespace]:
                if not kubectl.exists("namespace", namespace):
                    raise NotFound(
                        f"The namespace {namespace} doesn't exist, and the server can't check anything without it: "
                        f"create it with `kubectl create namespace {namespace}`, or use --dry-run client."
                    )
        return apply(overlay, kubectl, folder, f"--dry-run={mode}")


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
        S3_KEY: {
            "AWS_ACCESS_KEY_ID": f"fanfold-{secrets.token_hex(6)}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32),
        },
    }
    if (
        uses_secret(objects, S3_KEY)
        and not find(objects, "Deployment", "minio")
        and not kubectl.exists("secret", S3_KEY)
    ):
        raise NotFound(
            f"The key of the S3 server is missing, and only you have it: kubectl -n {kubectl.namespace} create secret "
            f"generic {S3_KEY} --from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=…"
        )
    for name, content in contents.items():
        if uses_secret(objects, name) and not kubectl.exists("secret", name):
            kubectl.run("create", "-f", "-", stdin=secret(name, kubectl.namespace, content))
            say(f"created the Secret {name}")


def _migrate_records(kubectl: Kubectl, say: Say) -> None:
    """Bring the auth service's records to its version: the rollout has left no replica of an earlier one."""
    kubectl.run("exec", "deployment/auth", "--", "python", "-m", "fanfold_auth", "migrate")
    say("brought the records of users to this version")


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


def _create_demo_users(kubectl: Kubectl, say: Say) -> tuple[str, ...]:
    """Create the demo's users, and return those that didn't exist."""
    output = kubectl.run("exec", "deployment/auth", "--", "python", "-m", "fanfold_auth", "demo")
    created = tuple(output.split())
    say(f"created the demo's users: {', '.join(created)}" if created else "the demo's users exist already")
    return created


def _answers(url: str | None) -> bool:
    """Whether a connection to the URL's port can be opened from here."""
    if url is None:
        return False
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname, place.port or HTTPS_PORT), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _node_address(kubectl: Kubectl) -> str | None:
    for kind in ("ExternalIP", "InternalIP"):
        for node in kubectl.items_if_allowed("nodes"):
            for address in node["status"].get("addresses", []):
                if address["type"] == kind:
                    return str(address["address"])
    return None
