"""Access to etcd: certificates for its members and clients, and for each service a user with a prefix of its own."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fanfold_client.cluster.etcd.certificates import Certificate, authority, issue
from fanfold_client.cluster.kubectl import CommandEnded, Kubectl
from fanfold_client.cluster.objects import Object, find, secret, uses_secret

AUTHORITY = "fanfold-etcd-ca"
MEMBERS = ("etcd-0", "etcd-1", "etcd-2")
HOSTS = (*(f"{member}.etcd" for member in MEMBERS), "etcd-client", "localhost", "127.0.0.1")
USERS = {"auth": "auth/", "submit": "submit/"}
"""Each service's user in etcd, which is the common name of its certificate, and the prefix that it reads and writes."""
ROOT = "root"


@dataclass(frozen=True, slots=True)
class Holder:
    """Where a certificate goes: the Secret that holds it, its common name, and for a server its hosts."""

    secret: str
    name: str
    hosts: tuple[str, ...] = ()


HOLDERS = (
    Holder("fanfold-etcd-server", "etcd", HOSTS),
    *(Holder(f"fanfold-etcd-{name}", name) for name in (ROOT, *USERS)),
)


def create_certificates(kubectl: Kubectl, objects: list[Object], say: Callable[[str], None]) -> list[str]:
    """Create the certificates that the objects mount, and renew those that expire soon; returns the renewed Secrets.

    A Secret that the objects leave to cert-manager (kind `Certificate`) is not touched.
    """
    managed = {item["spec"].get("secretName") for item in objects if item["kind"] == "Certificate"}
    wanted = [each for each in HOLDERS if each.secret not in managed and uses_secret(objects, each.secret)]
    found = {each.secret: _read(kubectl, each.secret) for each in wanted}
    now = datetime.now(UTC)
    due = [each for each in wanted if (held := found[each.secret]) is None or held.is_due(now)]
    if not due:
        return []
    signer = _read(kubectl, AUTHORITY)
    if signer is None or signer.is_due(now):
        signer, due = authority(AUTHORITY), wanted  # nobody trusts what another authority signed
        _write(kubectl, AUTHORITY, signer, signer)
    for each in due:
        _write(kubectl, each.secret, issue(signer, each.name, each.hosts), signer)
    say(f"issued certificates for etcd: {', '.join(each.name for each in due)}")
    return [each.secret for each in due if found[each.secret]]


def enforce_access(kubectl: Kubectl, objects: list[Object], say: Callable[[str], None]) -> None:
    """Create each service's user in the installed etcd, and make etcd require users. Repeating it changes nothing."""
    if find(objects, "StatefulSet", "etcd") is None:
        return
    for arguments in access_commands():
        try:
            _etcdctl(kubectl, *arguments)
        except CommandEnded as ended:
            if "already" not in str(ended):
                raise
    if "Status: true" not in _etcdctl(kubectl, "auth", "status"):
        _etcdctl(kubectl, "auth", "enable")
        say("etcd now requires a user")


def access_commands() -> Iterator[tuple[str, ...]]:
    """The arguments of the etcdctl commands, in order, that create the users, their roles, and root."""
    yield ("user", "add", ROOT, "--no-password")
    yield ("role", "add", ROOT)
    yield ("user", "grant-role", ROOT, ROOT)
    for name, prefix in USERS.items():
        yield ("user", "add", name, "--no-password")
        yield ("role", "add", name)
        yield ("role", "grant-permission", name, "--prefix=true", "readwrite", prefix)
        yield ("user", "grant-role", name, name)


def _etcdctl(kubectl: Kubectl, *arguments: str) -> str:
    """Run etcdctl inside a member, where the environment names root's certificate; returns what it prints."""
    return kubectl.run("exec", f"pod/{MEMBERS[0]}", "--container=etcd", "--", "etcdctl", *arguments)


def _read(kubectl: Kubectl, name: str) -> Certificate | None:
    found = kubectl.find("secret", name)
    if found is None:
        return None
    return Certificate(*(base64.b64decode(found["data"][key]).decode() for key in ("tls.crt", "tls.key")))


def _write(kubectl: Kubectl, name: str, held: Certificate, signer: Certificate) -> None:
    content = {"tls.crt": held.certificate, "tls.key": held.key, "ca.crt": signer.certificate}
    made = secret(name, kubectl.namespace, content, "kubernetes.io/tls")
    kubectl.run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=made)
