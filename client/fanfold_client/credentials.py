"""Tokens from the auth service: had by a name and password, renewed when they run out, given back."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fanfold_client.problems import NotAllowed, Refused
from fanfold_client.transport import Transport

NAME_PATTERN = "[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?"  # as in auth_api; a test compares them
EARLY = 30.0  # seconds before its end at which an access token is renewed, so that it doesn't run out on the way


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh answers. `expires` is in Unix seconds by this machine's clock."""

    access: str
    refresh: str
    expires: float

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> "Tokens":
        """From the body of `/v1/login` or `/v1/token`."""
        lifetime = float(answer["expires_in"])
        return cls(answer["access_token"], answer["refresh_token"], time.time() + lifetime - min(EARLY, lifetime / 2))

    @property
    def stale(self) -> bool:
        """Whether the access token has run out or is about to."""
        return time.time() > self.expires


def valid_name(name: str) -> str:
    """The name, if a user can have it: the auth service would answer with the pattern alone. Raises Refused."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(
            f"{name!r} is no user name: use 1 to 63 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends"
        )
    return name


def log_in(auth_url: str, name: str, password: str) -> Tokens:
    """Tokens for a name and password. Raises NotAllowed when they don't belong together."""
    with _service(auth_url) as auth:
        return Tokens.from_answer(auth.json("POST", "/v1/login", json={"name": valid_name(name), "password": password}))


def refresh(auth_url: str, token: str) -> Tokens:
    """The successors of a refresh token, which is void from then on. Raises NotAllowed when the login has ended.

    It may be sent again when the answer was lost: for 10 s the service gives the same successor.
    """
    form = {"grant_type": "refresh_token", "refresh_token": token}
    with _service(auth_url) as auth:
        try:
            return Tokens.from_answer(auth.json("POST", "/v1/token", data=form, repeatable=True))
        except Refused as error:
            raise NotAllowed(f"the login at {auth_url} has ended ({error}): run `fanfold login`") from error


def give_back(auth_url: str, token: str) -> None:
    """End the login that a refresh token belongs to."""
    with _service(auth_url) as auth:
        auth.request("POST", "/v1/revoke", data={"token": token}, repeatable=True)


class InMemory:
    """Credentials for the life of a process."""

    def __init__(self, auth_url: str, tokens: Tokens) -> None:
        self._auth_url = auth_url
        self._tokens = tokens
        self._lock = threading.Lock()

    def token(self) -> str:
        """An access token, renewed if it has run out."""
        with self._lock:
            if self._tokens.stale:
                self._tokens = refresh(self._auth_url, self._tokens.refresh)
            return self._tokens.access

    def renew(self, refused: str) -> str:
        """The next token, unless another thread had it already."""
        with self._lock:
            if self._tokens.access == refused:
                self._tokens = refresh(self._auth_url, self._tokens.refresh)
            return self._tokens.access


class Fixed:
    """One access token that somebody gave us (`FANFOLD_TOKEN`); it can't be renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """The token."""
        return self._token

    def renew(self, refused: str) -> str:
        """There is no other. Raises NotAllowed."""
        raise NotAllowed("the service doesn't accept FANFOLD_TOKEN (expired?): set another, or unset it and log in")


@contextmanager
def _service(url: str) -> Iterator[Transport]:
    transport = Transport(url)
    try:
        yield transport
    finally:
        transport.close()
