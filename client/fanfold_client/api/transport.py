"""HTTP requests to one service, with bearer tokens, timeouts and retries; problems become exceptions."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import SystemRandom
from typing import Any, Protocol

import httpx

from fanfold_client.api.problems import Away, ClientError, NotAllowed, Refused, from_problem

TRIES = 5
LONGEST_WAIT = 10.0  # seconds; no retry if the service asks for a longer one
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_CONNECTIONS = httpx.Limits(max_connections=32, max_keepalive_connections=8)


class Credentials(Protocol):
    """A source of access tokens. Thread-safe."""

    def token(self) -> str:
        """An access token that should still be valid. Raises NotAllowed: there is none."""

    def renew(self, refused: str) -> str:
        """A replacement for a token that a service has rejected. Raises NotAllowed: there is none."""


class Transport:
    """Requests to the service at `url`. Thread-safe."""

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        """Raises Refused: `url` isn't a URL."""
        self.url = url.rstrip("/")
        self._credentials = credentials
        proxied = _host(self.url) not in _LOOPBACK  # no proxy leads to this machine
        self._http = httpx.Client(
            base_url=self.url, headers=_own_name(), timeout=_TIMEOUT, limits=_CONNECTIONS, trust_env=proxied
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON body of the response, or None if it is empty. Options as for `request`."""
        response = self.request(method, path, **options)
        return response.json() if response.content else None

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """All items of a list, page by page as they are read."""
        params = dict(query or {})
        while True:
            page = self.json("GET", path, params=params)
            yield from page["items"]
            if not (cursor := page.get("cursor")):
                return
            params["cursor"] = cursor

    def request(self, method: str, path: str, *, repeatable: bool | None = None, **options: Any) -> httpx.Response:
        """The complete response.

        Args:
            method: the HTTP method.
            path: the URL's path and query.
            repeatable: whether it may be sent twice; by default, whether HTTP says that the method may be. A POST that
                has an idempotency key may, too.
            options: those of `httpx.Client.build_request`; `content` may be a function that opens the body.

        Raises:
            ClientError: the response is an error, or there is none.
        """
        repeatable = method in _IDEMPOTENT if repeatable is None else repeatable
        with self._response(method, path, repeatable, options) as response:
            response.read()
            return response

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[httpx.Response]:
        """The response to a GET, with its body not read yet."""
        with self._response("GET", path, True, options) as response:
            yield response

    @contextmanager
    def _response(self, method: str, path: str, repeatable: bool, options: dict[str, Any]) -> Iterator[httpx.Response]:
        """The response that a retry wouldn't change. Raises ClientError."""
        response = self._send_with_retries(method, path, repeatable, options)
        try:
            if response.is_error:
                response.read()
                raise from_problem(response.status_code, _problem(response))
            yield response
        finally:
            response.close()

    def _send_with_retries(self, method: str, path: str, repeatable: bool, options: dict[str, Any]) -> httpx.Response:
        renewed = False
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            token = self._credentials.token() if self._credentials else None
            try:
                response = self._send(method, path, token, options)
            except httpx.TransportError as error:
                nothing_sent = isinstance(error, httpx.ConnectError)
                if last or not (repeatable or nothing_sent):
                    raise self._away(error) from error
                time.sleep(_wait(attempt))
                continue
            wait = _wait(attempt, response.headers.get("Retry-After"))
            if _rejects_token(response) and token and self._credentials and not renewed:
                renewed = True
                self._credentials.renew(token)
            elif _can_wait(response) and not last and wait <= LONGEST_WAIT:
                time.sleep(wait)
            else:
                return response
            response.close()
        raise NotAllowed(f"{self.url} rejects every token it was sent: run `fanfold login`")

    def _send(self, method: str, path: str, token: str | None, options: dict[str, Any]) -> httpx.Response:
        options = dict(options)
        headers = dict(options.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if callable(options.get("content")):
            options["content"] = options["content"]()
        request = self._http.build_request(method, path, headers=headers, **options)
        return self._http.send(request, stream=True)

    def _away(self, error: httpx.TransportError) -> ClientError:
        reason = str(error) or type(error).__name__
        return Away(f"no response from {self.url} ({reason}): is the service running, and is the URL correct?")


def _rejects_token(response: httpx.Response) -> bool:
    """Whether another token may help (RFC 6750 §3.1); a 401 may also mean a wrong password."""
    return response.status_code == 401 and 'error="invalid_token"' in response.headers.get("WWW-Authenticate", "")


def _can_wait(response: httpx.Response) -> bool:
    """Whether the same request may succeed in a moment. What conflicts says so only if the conflict goes by itself."""
    return response.status_code in {429, 503} or (response.status_code == 409 and "Retry-After" in response.headers)


def _wait(attempt: int, retry_after: str | None = None) -> float:
    """The seconds to wait: as the service asks, else 0.1 and doubling. Jitter keeps callers from returning together."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.1 * 2**attempt
    return asked * SystemRandom().uniform(1.0, 1.25)


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {"detail": f"{response.request.url} responded {response.status_code} {response.reason_phrase}"}
    return body if isinstance(body, dict) else {"detail": str(body)}


def _host(url: str) -> str:
    """The host in a service's URL. Raises Refused: it isn't a URL."""
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL as error:
        mend = "write it as in http://127.0.0.1:1338"
        raise Refused(f"{url!r:.200} is not the URL of a service ({error}): {mend}") from error


def _own_name() -> dict[str, str]:
    """Who asks, from which machine: people tell their logins apart by that."""
    machine = socket.gethostname().encode("ascii", "replace").decode()
    return {"User-Agent": f"fanfold ({machine})"}
