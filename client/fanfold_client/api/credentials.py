"""Tokens from the auth service: issued for a name and password or an API token, renewed in time, revoked."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fanfold_client.api.paths import NAME_PATTERN
from fanfold_client.api.problems import NotAllowed, Refused
from fanfold_client.api.transport import Transport

API_TOKEN_PREFIX, API_TOKEN_TYPE = "ffat_", "urn:fanfold:token-type:api-token"  # as in auth_api; a test compares them
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 (RFC 8693's word)
EARLY = 30.0  # seconds before its expiry at which an access token is renewed, lest it expires in transit


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a login or a refresh. `expires` is in Unix seconds by this machine's clock.

    What an API token was exchanged for has no refresh token.
    """

    access: str
    refresh: str
    expires: float

    @classmethod
    def from_response(cls, body: dict[str, Any]) -> "Tokens":
        """From the response body of `/v1/login` or `/v1/token`."""
        lifetime = float(body["expires_in"])
        expires = time.time() + lifetime - min(EARLY, lifetime / 2)
        return cls(body["access_token"], body.get("refresh_token", ""), expires)

    @property
    def stale(self) -> bool:
        """Whether the access token has expired, or is about to."""
        return time.time() > self.expires


def valid_name(name: str) -> str:
    """The name, if it is a valid user name; the auth service's own message only shows the pattern. Raises Refused."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(
            f"{name!r} is not a user name: use 1 to 63 of a-z, 0-9, '.', '_', '-', with a letter or digit at both ends"
        )
    return name


def log_in(auth_url: str, name: str, password: str) -> Tokens:
    """Tokens for a name and password. Raises NotAllowed: they don't match."""
    with _service(auth_url) as auth:
        return Tokens.from_response(
            auth.json("POST", "/v1/login", json={"name": valid_name(name), "password": password})
        )


def refresh(auth_url: str, token: str) -> Tokens:
    """Exchange a refresh token for new tokens; it can't be used again afterwards.

    A lost response is no problem: for 10 s the service returns the same new tokens again.

    Raises:
        NotAllowed: the login has ended.
    """
    form = {"grant_type": "refresh_token", "refresh_token": token}
    with _service(auth_url) as auth:
        try:
            return Tokens.from_response(auth.json("POST", "/v1/token", data=form, repeatable=True))
        except Refused as error:
            raise NotAllowed(f"the login at {auth_url} has ended ({error}): run `fanfold login`") from error


def exchange(auth_url: str, api_token: str) -> Tokens:
    """An access token for an API token. Raises NotAllowed: it has expired, was revoked, or isn't one."""
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": api_token, "subject_token_type": API_TOKEN_TYPE}
    with _service(auth_url) as auth:
        try:
            return Tokens.from_response(auth.json("POST", "/v1/token", data=form, repeatable=True))
        except Refused as error:
            raise NotAllowed(f"{auth_url} refuses FANFOLD_TOKEN: {error}") from error


def revoke(auth_url: str, token: str) -> None:
    """End the login to which a refresh token belongs."""
    with _service(auth_url) as auth:
        auth.request("POST", "/v1/revoke", data={"token": token}, repeatable=True)


class InMemory:
    """Credentials that last as long as the process."""

    def __init__(self, auth_url: str, tokens: Tokens) -> None:
        self._auth_url = auth_url
        self._tokens = tokens
        self._lock = threading.Lock()

    def token(self) -> str:
        """An access token, renewed if it has expired."""
        with self._lock:
            if self._tokens.stale:
                self._tokens = refresh(self._auth_url, self._tokens.refresh)
            return self._tokens.access

    def save(self, tokens: Tokens) -> None:
        """Go on with the tokens of a new login."""
        with self._lock:
            self._tokens = tokens

    def renew(self, refused: str) -> str:
        """A new token, unless another thread has renewed it already."""
        with self._lock:
            if self._tokens.access == refused:
                self._tokens = refresh(self._auth_url, self._tokens.refresh)
            return self._tokens.access


class Exchanged:
    """Access tokens that an API token is exchanged for, as often as one is needed."""

    def __init__(self, find_auth_url: Callable[[], str], api_token: str) -> None:
        """`find_auth_url` is called when the first token is needed."""
        self._find_auth_url, self._api_token = find_auth_url, api_token
        self._auth_url = ""
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    def token(self) -> str:
        """An access token, exchanged anew if it has expired."""
        with self._lock:
            if self._tokens is None or self._tokens.stale:
                self._exchange()
            return self._access

    def renew(self, refused: str) -> str:
        """A new token, unless another thread has exchanged one already."""
        with self._lock:
            if self._tokens is None or self._access == refused:
                self._exchange()
            return self._access

    @property
    def _access(self) -> str:
        assert self._tokens
        return self._tokens.access

    def _exchange(self) -> None:
        self._auth_url = self._auth_url or self._find_auth_url()
        self._tokens = exchange(self._auth_url, self._api_token)


class Fixed:
    """A given access token (`FANFOLD_TOKEN`), which can't be renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """The token."""
        return self._token

    def renew(self, refused: str) -> str:
        """Raises NotAllowed: there is no other token."""
        raise NotAllowed("the service rejects FANFOLD_TOKEN; it may have expired: set another, or unset it and log in")


@contextmanager
def _service(url: str) -> Iterator[Transport]:
    transport = Transport(url)
    try:
        yield transport
    finally:
        transport.close()
