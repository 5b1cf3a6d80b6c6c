"""The node's certificates: an authority of its own, what each server shows, and who each client is."""

import base64
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .layout import API_SERVER, API_SERVICE, NODE, NODE_ADDRESS, PKI, kubeconfig

LIFETIME = timedelta(days=7)
API_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
             "kubernetes.default.svc.cluster.local", "127.0.0.1", NODE_ADDRESS, API_SERVICE)  # fmt: skip
CLIENTS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
}
"""Who reaches the API server by a kubeconfig: user and group, as Kubernetes' own roles name them."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, name: str) -> None:
        """Write both as PEM files of that name."""
        (PKI / f"{name}.crt").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        _write_key(PKI / f"{name}.key", self.key)


def write_all() -> None:
    """Make every key, certificate and kubeconfig of the node anew."""
    authority = _sign("fanfold-lab-ca", "", None)
    authority.write("ca")
    _sign("kube-apiserver", "", authority, names=API_NAMES).write("apiserver")
    _sign(f"system:node:{NODE}", "system:nodes", authority, names=(NODE, NODE_ADDRESS)).write("kubelet-server")
    _sign("kube-apiserver-kubelet-client", "system:masters", authority).write("apiserver-kubelet-client")
    _write_key(PKI / "service-account.key", ec.generate_private_key(ec.SECP256R1()))
    for name, (user, group) in CLIENTS.items():
        _write_kubeconfig(kubeconfig(name), _sign(user, group, authority), authority)


def _sign(user: str, group: str, authority: Pair | None, names: Sequence[str] = ()) -> Pair:
    """A new certificate: a server's if it has names, a client's otherwise, the authority's own without one."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
    if authority:
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return Pair(builder.sign(authority.key if authority else key, hashes.SHA256()), key)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """In the older of the two forms: the API server reads its token key in no other."""
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))


def _write_kubeconfig(path: Path, client: Pair, authority: Pair) -> None:
    pem = client.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    server = {"server": API_SERVER, "certificate-authority-data": _certificate_data(authority)}
    user = {"client-certificate-data": _certificate_data(client), "client-key-data": base64.b64encode(pem).decode()}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NODE,
        "clusters": [{"name": NODE, "cluster": server}],
        "users": [{"name": NODE, "user": user}],
        "contexts": [{"name": NODE, "context": {"cluster": NODE, "user": NODE}}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))


def _certificate_data(pair: Pair) -> str:
    return base64.b64encode(pair.certificate.public_bytes(Encoding.PEM)).decode()
