"""A whole submit_api for each test that asks: real HTTP, records and objects, tokens signed by a key of our own."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa

from fanfold.engines import Engine
from fanfold.engines.local.engine import LocalEngine
from fanfold_storage.objects import Objects
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.app import build_app
from fanfold_submit.settings import Settings
from fanfold_web.server import configure, listen
from tests.waiting import poll

ISSUER = "http://auth.test"


@dataclass
class Signer:
    """A signing key of an auth service, and the tokens that it makes."""

    kid: str
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def jwk(self) -> dict[str, Any]:
        document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {**document, "kid": self.kid, "use": "sig", "alg": "RS256"}

    def claims(self, name: str = "ada", roles: Any = None, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        roles = ["submitter"] if roles is None else roles
        claims: dict[str, Any] = {"iss": ISSUER, "aud": "fanfold", "sub": name, "preferred_username": name}
        claims |= {"client_id": "fanfold", "roles": roles, "groups": roles, "stamp": f"e-{name}", "jti": "j"}
        claims |= {"iat": now, "nbf": now, "exp": now + 600, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, name: str = "ada", roles: Any = None, typ: str = "at+jwt", **changes: Any) -> str:
        headers = {"kid": self.kid, "typ": typ}
        return jwt.encode(self.claims(name, roles, **changes), self.key, "RS256", headers)


class KeyServer:
    """Serves a JWKS, as the auth service does; counts who asks, and can be told to be away."""

    def __init__(self, *signers: Signer) -> None:
        self.signers = list(signers)
        self.ended: list[str] = []
        self.asked = 0
        self.away = False
        self.delegates = True
        self.delegations: dict[str, str] = {}
        """By each delegation that it has issued, the user who delegated."""
        self.roles: dict[str, list[str]] = {}
        """Of users who have delegated: those of the token that they delegated with, until a test changes them."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked += 1
                body = json.dumps({"keys": [signer.jwk() for signer in site.signers], "ended": site.ended}).encode()
                self.send_response(503 if site.away else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = (
                    (503, {})
                    if site.away or not site.delegates
                    else site.answer(self.path, data, self.headers["Authorization"])
                )
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/keys"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, data: bytes, authorization: str | None) -> tuple[int, dict[str, Any]]:
        """Delegations, as the auth service issues, exchanges and revokes them."""
        if path == "/v1/delegations":
            claims = jwt.decode((authorization or "").removeprefix("Bearer "), options={"verify_signature": False})
            token = f"{claims['sub']}:{len(self.delegations)}"
            self.delegations[token] = claims["sub"]
            self.roles.setdefault(claims["sub"], claims["groups"])
            return 201, {"token": token}
        form = parse_qs(data.decode())
        if path == "/v1/revoke":
            self.delegations.pop(form["token"][0], None)
            return 200, {}
        name = self.delegations.get(form["subject_token"][0])
        if name is None or name not in self.roles:
            return 400, {"detail": "The delegation is unknown or was revoked, or its user was removed."}
        groups = self.roles[name]
        roles = [role for role in groups if role in {"viewer", "submitter", "admin"}]
        return 200, {
            "access_token": self.signers[0].token(name, roles, groups=groups, aud="fanfold/delegated"),
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class RunningApp:
    """An app behind a real socket."""

    def __init__(self, settings: Settings, records: Records, objects: Objects, engine: Engine) -> None:
        self.app = build_app(settings, records, objects, engine)
        self._listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(configure(self.app))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)
        self._thread.start()
        poll(lambda: self._server.started)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=15)
        self._listener.close()


class User:
    """Somebody with a token, over HTTP."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30, verify=False, trust_env=False)

    def put(self, path: str, data: bytes = b"a b a\n") -> None:
        answer = self.http.put(f"/v1/files/{path}", content=data)
        assert answer.status_code == 201, answer.text

    def submit(self, body: dict[str, Any] | None = None, key: str | None = None, **changes: Any) -> httpx.Response:
        body = body or {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], **changes}
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self.http.post("/v1/jobs", content=json.dumps(body), headers=headers)

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, job_id: str, state: str = "succeeded", seconds: float = 30) -> dict[str, Any]:
        """The job once it is in a final state, which must be this one."""
        job = poll(lambda: (job := self.job(job_id))["finished"] and job, seconds)
        assert job["state"] == state, job["error"]
        return dict(job)


class Site:
    """A service with one or several replicas over the same stores."""

    def __init__(self, keys: KeyServer, records_url: str, store_url: str, engine: Engine, **settings: Any) -> None:
        self.keys, self.records_url, self.store_url, self.engine = keys, records_url, store_url, engine
        self.settings = Settings(issuer=ISSUER, jwks_url=keys.url, auth_url="http://{host}:1337", **settings)
        self.records = open_records(records_url)
        self.objects = open_objects(store_url)
        self._users: list[User] = []
        self.apps: list[RunningApp] = []
        self.replica()

    def replica(self, engine: Engine | None = None) -> RunningApp:
        app = RunningApp(self.settings, self.records, self.objects, engine or self.engine)
        self.apps.append(app)
        return app

    @property
    def url(self) -> str:
        return self.apps[0].url

    def user(self, name: str = "ada", *roles: str, app: RunningApp | None = None) -> User:
        return self.bearer(self.keys.signers[0].token(name, list(roles) or ["submitter"]), app)

    def bearer(self, token: str | None, app: RunningApp | None = None) -> User:
        user = User((app or self.apps[0]).url, token)
        self._users.append(user)
        return user

    def close(self) -> None:
        for user in self._users:
            user.http.close()
        for app in self.apps:
            app.close()
        self.engine.close()
        self.records.close()


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer("key-1")


@pytest.fixture
def key_server(signer: Signer) -> Iterator[KeyServer]:
    server = KeyServer(signer)
    yield server
    server.close()


@pytest.fixture
def open_site(key_server: KeyServer, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Opens a site: on SQLite, a folder and the local engine unless told otherwise."""
    with contextlib.ExitStack() as stack:

        def make(engine: Engine | None = None, **options: Any) -> Site:
            records = options.pop("records", f"sqlite://{tmp_path}/records.db")
            store = options.pop("store", f"file://{tmp_path}/data/")
            site = Site(key_server, records, store, engine or LocalEngine(), **options)
            stack.callback(site.close)
            return site

        yield make


@pytest.fixture(scope="session")
def shared_site(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests that only need some users of their own."""
    folder, server = tmp_path_factory.mktemp("site"), KeyServer(signer)
    site = Site(server, f"sqlite://{folder}/records.db", f"file://{folder}/data/", LocalEngine(), largest_file=1 << 24)
    yield site
    site.close()
    server.close()


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    return open_site()
