"""What AWS's variables change in a request: the session's token, the region, and whose certificates are trusted."""

import contextlib
import datetime
import ipaddress
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fanfold_storage.errors import PermissionDenied, Unavailable
from fanfold_storage.urls import open_objects

KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "my secret"}


@dataclass
class Taker:
    """A server that takes every object, and notes the headers that came with it."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def taker(context: ssl.SSLContext | None = None) -> Iterator[Taker]:
    taker = Taker()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            taker.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that doesn't trust us is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        taker.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield taker
        server.shutdown()
        thread.join()


def put(**environ: str) -> None:
    open_objects("s3://bucket", environ).put("key", [b"x"])


@pytest.mark.parametrize("token", [None, "of a session"])
def test_the_token_of_a_session_goes_along_if_there_is_one(token: str | None) -> None:
    with taker() as server:
        put(AWS_ENDPOINT_URL=server.url, **KEYS, **({"AWS_SESSION_TOKEN": token} if token else {}))
    assert server.headers[0].get("x-amz-security-token") == token
    assert ("x-amz-security-token" in server.headers[0]["authorization"]) == bool(token)


@pytest.mark.parametrize("region", [None, "", "eu-north-1"])
def test_a_request_is_signed_for_the_region(region: str | None) -> None:
    with taker() as server:
        put(AWS_ENDPOINT_URL=server.url, **KEYS, **({} if region is None else {"AWS_REGION": region}))
    scope = re.search(r"Credential=me/\d{8}/([^/]+)/s3/", server.headers[0]["authorization"])
    assert scope and scope[1] == (region or "us-east-1")


def test_without_keys_a_request_is_not_signed() -> None:
    with taker() as server:
        put(AWS_ENDPOINT_URL=server.url)
    assert "authorization" not in server.headers[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody else has signed, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    builder = builder.add_extension(here, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


def test_only_a_certificate_that_is_trusted_is_talked_to(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_storage.objects.s3_bucket._PAUSES", ())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with taker(context) as server:
        for bundle in ({}, {"AWS_CA_BUNDLE": ""}):
            with pytest.raises(Unavailable, match=r"no secure connection.*AWS_CA_BUNDLE"):
                put(AWS_ENDPOINT_URL=server.url, **KEYS, **bundle)
        put(AWS_ENDPOINT_URL=server.url, **KEYS, AWS_CA_BUNDLE=str(certificate))
    assert len(server.headers) == 1


def test_an_endpoint_of_nothing_is_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(_: object, method: str, url: str, **__: object) -> None:
        asked.append(url)
        raise PermissionDenied("nobody goes there from a test")

    monkeypatch.setattr("urllib3.PoolManager.urlopen", refuse)
    for environ in ({}, {"AWS_ENDPOINT_URL": ""}):
        with pytest.raises(PermissionDenied):
            put(**KEYS, **environ, AWS_REGION="us-west-2")
    assert asked == ["https://bucket.s3.us-west-2.amazonaws.com/key"] * 2
