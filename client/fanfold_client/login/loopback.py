"""Logging in in this machine's browser (RFC 8252): the auth service sends it back to a port that we listen on.

The code that comes back is bound to this process by PKCE, and to this login by `state`; its issuer must be the service
that was asked (RFC 9207).
"""

import base64
import hashlib
import os
import secrets
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import closing
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fanfold_client.api.credentials import Tokens
from fanfold_client.api.problems import NotAllowed
from fanfold_client.api.transport import Transport

CLIENT_ID = "fanfold"
PATIENCE = 600.0  # seconds that somebody has to log in
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>Fanfold</title><body><h1>{title}</h1><p>You can close this page and go back to the terminal.</p>"""


def has_browser() -> bool:
    """Whether a browser can be opened for whoever sits at the terminal."""
    if os.environ.get("SSH_CONNECTION"):
        return False  # it would open on another screen
    if sys.platform.startswith("linux") and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def log_in(auth_url: str, show: Callable[[str], bool], patience: float = PATIENCE) -> Tokens | None:
    """Tokens for whoever logs in on the page to which `show` leads a browser; None: it couldn't show any.

    Raises:
        NotAllowed: the user has refused, or nobody has logged in within `patience` seconds.
    """
    verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with closing(Transport(auth_url)) as auth, _Listener(state) as listener:
        query = {
            "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": listener.url, "state": state,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        if not show(f"{auth.url}/authorize?{urlencode(query)}"):
            return None
        answer = listener.wait(patience)
        issuer = auth.json("GET", "/.well-known/openid-configuration")["issuer"]
        if "code" not in answer or answer.get("iss") != issuer:
            raise NotAllowed(f"nobody has logged in: {answer.get('error_description', 'the answer is not complete')}")
        form = {"grant_type": "authorization_code", "redirect_uri": listener.url, "code_verifier": verifier}
        return Tokens.from_response(auth.json("POST", "/v1/token", data={**form, "code": answer["code"]}))


class _Listener:
    """A port of this machine to which the browser is sent back, once."""

    def __init__(self, state: str) -> None:
        self.answer: dict[str, str] = {}
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                query = dict(parse_qsl(urlsplit(self.path).query))
                is_ours = urlsplit(self.path).path == "/callback" and self.headers.get("Host") == listener.host
                is_answer = is_ours and secrets.compare_digest(query.get("state", "").encode(), state.encode())
                if is_answer:
                    listener.answer = query
                title = "Logged in" if "code" in query else query.get("error_description", "Not logged in")
                body = _PAGE.format(title=escape(title) if is_answer else "Nothing here").encode()
                self.send_response(200 if is_answer else 404)
                for name, content in (
                    ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body))),
                    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
                    ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"),
                ):  # fmt: skip
                    self.send_header(name, content)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing: the path has the code."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}/callback"

    def __enter__(self) -> "_Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self, patience: float) -> dict[str, str]:
        """What the browser brings. Raises NotAllowed."""
        deadline = time.monotonic() + patience
        while not self.answer:
            self._server.timeout = deadline - time.monotonic()
            if self._server.timeout <= 0:
                raise NotAllowed(
                    "nobody has logged in on the page in time: try again, or use --no-browser or --user NAME"
                )
            self._server.handle_request()
        return self.answer
