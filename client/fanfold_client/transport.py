"""HTTP to one service: bearer token, time-outs, retries where a request may be repeated, problems as exceptions."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import httpx

from fanfold_client.problems import Away, ClientError, NotAllowed, from_problem

TRIES = 5
LONGEST_WAIT = 10.0  # seconds; a service that asks for more gets no second try
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_CONNECTIONS = httpx.Limits(max_connections=32, max_keepalive_connections=8)


class Credentials(Protocol):
    """Something that hands out access tokens. Safe to use from several threads."""

    def token(self) -> str:
        """An access token that should still be good. Raises NotAllowed if there is none to be had."""

    def renew(self, refused: str) -> str:
        """A token in place of one that a service refused as invalid. Raises NotAllowed if there is none."""


class Transport:
    """Requests to the service at `url`. Thread-safe."""

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        self.url = url.rstrip("/")
        self._credentials = credentials
        proxied = httpx.URL(self.url).host not in _LOOPBACK  # no proxy of the environment leads to this machine
        self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT, limits=_CONNECTIONS, trust_env=proxied)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON body of the answer; None when it has none. Options are those of `request`."""
        response = self.request(method, path, **options)
        return response.json() if response.content else None

    def request(self, method: str, path: str, *, repeatable: bool = False, **options: Any) -> httpx.Response:
        """The whole answer. `repeatable` says that a POST may be sent twice (it has an idempotency key).

        Raises:
            ClientError: any answer of 400 and up, or none.
        """
        repeatable = repeatable or method in _IDEMPOTENT
        with self._answer(method, path, repeatable, options) as response:
            response.read()
            return response

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[httpx.Response]:
        """The answer to a GET, its body yet to be read."""
        with self._answer("GET", path, True, options) as response:
            yield response

    @contextmanager
    def _answer(self, method: str, path: str, repeatable: bool, options: dict[str, Any]) -> Iterator[httpx.Response]:
        """Send until there is an answer that trying again would not change."""
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
            if response.status_code == 401 and token and self._credentials and not renewed:
                renewed = True
                self._credentials.renew(token)
            elif response.status_code in {429, 503} and not last and wait <= LONGEST_WAIT:
                time.sleep(wait)
            else:
                return response
            response.close()
        raise NotAllowed(f"{self.url} accepts no token that it was given: run `fanfold login`")

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
        return Away(f"no answer from {self.url} ({reason}): is the service running there, and is the URL right?")


def _wait(attempt: int, retry_after: str | None = None) -> float:
    """Seconds that the service asks for, else 0.1 doubling, with jitter so that callers don't come back together."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.1 * 2**attempt
    return asked * random.uniform(1.0, 1.25)  # noqa: S311 (jitter needs no secrecy)


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {"detail": f"{response.request.url} answered {response.status_code} {response.reason_phrase}"}
    return body if isinstance(body, dict) else {"detail": str(body)}
