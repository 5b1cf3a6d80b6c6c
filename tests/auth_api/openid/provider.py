"""What the tests of the provider are made of: it, served by uvicorn; applications, which authlib plays; browsers."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import uvicorn
from authlib.integrations.httpx_client import OAuth2Client

from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.app import build_app
from fanfold_auth.openid.clients import Client
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_client.local.up import LOOPBACK
from fanfold_storage.records.protocol import Records
from fanfold_web.server import configure, listen
from tests.auth_api.service import CHEAP, PASSWORD, Clock
from tests.waiting import poll

CALLBACK = "https://app.example.org/callback"
LOGGED_OUT = "https://app.example.org/"
VERIFIER = "a-verifier-of-the-length-that-rfc-7636-wants-0123456789"


@dataclass(frozen=True)
class Provider:
    """The provider, and where it is."""

    url: str
    service: Service

    def register(self, name: str, **options: Any) -> "Application":
        """A client with CALLBACK as its redirect URI."""
        public = options.pop("public", False)
        uris = {"redirect_uris": (CALLBACK,), "post_logout_redirect_uris": (LOGGED_OUT,)}
        client, secret = self.service.openid.clients.add(Client(name, **(uris | options)), public=public)
        return Application(self, client, secret)

    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/.well-known/openid-configuration", trust_env=False).json()
        return found


@dataclass(frozen=True)
class Application:
    """A client of the provider. Its requests are made by authlib."""

    provider: Provider
    client: Client
    secret: str | None
    method: str = "client_secret_basic"
    scope: str = "openid profile"

    def session(self, **options: Any) -> OAuth2Client:
        """Authlib's client for one login."""
        return OAuth2Client(
            self.client.id, self.secret, scope=options.pop("scope", self.scope), redirect_uri=CALLBACK,
            code_challenge_method="S256", trust_env=False,
            token_endpoint_auth_method=self.method if self.secret else "none", **options,
        )  # fmt: skip

    def start(self, **parameters: Any) -> str:
        """The URL at which a login begins, by authlib; `parameters` are added, or replaced, or left out (None)."""
        with self.session(scope=parameters.pop("scope", self.scope)) as session:
            verifier = VERIFIER if self.client.pkce else None
            url, _ = session.create_authorization_url(
                f"{self.provider.url}/authorize", code_verifier=verifier, state=parameters.pop("state", "the-state")
            )
        query = dict(parse_qsl(urlsplit(url).query)) | parameters
        return str(httpx.URL(url, params={name: content for name, content in query.items() if content is not None}))

    def tokens(self, answer: str, **options: Any) -> dict[str, Any]:
        """The tokens for the code in an answer: the URL to which the browser was sent back. Raises authlib's errors."""
        with self.session(state="the-state") as session:
            verifier = {"code_verifier": VERIFIER} if self.client.pkce else {}
            found: dict[str, Any] = session.fetch_token(
                f"{self.provider.url}/token", authorization_response=answer, **(verifier | options)
            )
            return found

    def exchange(self, code: str, **options: Any) -> httpx.Response:
        """The raw answer to a token request."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        if self.client.pkce:
            form["code_verifier"] = VERIFIER
        auth = (self.client.id, self.secret) if self.secret else None
        form |= {} if auth else {"client_id": self.client.id}
        changes = options.pop("form", {})
        form = {name: content for name, content in (form | changes).items() if content is not None}
        return httpx.post(f"{self.provider.url}/token", data=form, **({"auth": auth, "trust_env": False} | options))

    def userinfo(self, access_token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {access_token}"}
        return httpx.get(f"{self.provider.url}/userinfo", headers=headers, trust_env=False)


class Browser(httpx.Client):
    """A browser without scripts: cookies, redirects within the provider, and forms, filled in and sent."""

    def __init__(self, provider: Provider, **options: Any) -> None:
        super().__init__(trust_env=False, timeout=30, **options)
        self.provider = provider

    def visit(self, url: str) -> httpx.Response:
        """The page that a URL leads to, or the redirect that leads out of the provider."""
        return self._follow(self.get(urljoin(f"{self.provider.url}/", url)))

    def submit(self, shown: httpx.Response, **fields: str) -> httpx.Response:
        """Send the form of a page, with these fields filled in."""
        form, action = form_of(shown)
        headers = {"Origin": self.provider.url, "Sec-Fetch-Site": "same-origin"}
        return self._follow(self.post(urljoin(str(shown.url), action), data=form | fields, headers=headers))

    def log_in(self, url: str, name: str = "ada", password: str = PASSWORD) -> httpx.Response:
        """Log in on the page that a URL leads to."""
        return self.submit(self.visit(url), name=name, password=password)

    def answer(self, url: str, name: str = "ada") -> str:
        """Log in, and where the browser is sent back to."""
        sent_back = self.log_in(url, name)
        assert sent_back.status_code == 303, sent_back.text
        return sent_back.headers["location"]

    def _follow(self, response: httpx.Response) -> httpx.Response:
        while response.status_code == 303:
            target = urljoin(str(response.url), response.headers["location"])
            if not target.startswith(self.provider.url):
                break
            response = self.get(target)
        return response


def form_of(shown: httpx.Response) -> tuple[dict[str, str], str]:
    """The hidden fields of the form of a page, and where it is sent."""
    action = re.search(r'<form method="post" action="([^"]*)">', shown.text)
    assert action, shown.text
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', shown.text)
    return {name: unescape(content) for name, content in fields}, unescape(action[1])


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


@contextmanager
def served(settings: Settings, records: Records, clock: Clock, **changes: Any) -> Iterator[Provider]:
    """The provider on a free port of this machine, with its URL as its issuer, and hosts as `fanfold up` sets them."""
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = build_app(
        settings.model_copy(update={"issuer": url, "hosts": LOOPBACK, **changes}), records, clock, Hashing(CHEAP)
    )
    server = uvicorn.Server(configure(app, 1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        poll(lambda: server.started)
        yield Provider(url, app.state.service)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
