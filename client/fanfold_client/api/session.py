"""A login that several processes share.

    $XDG_STATE_HOME/fanfold/PROFILE.json      the tokens              (mode 0600)
    $XDG_STATE_HOME/fanfold/PROFILE.lock      held while they change

A refresh token can be used only once, so processes take turns: whoever holds the lock reads the tokens, renews them
only if no other process has, and stores the new ones before anybody uses them.
"""

import json
import os
from contextlib import AbstractContextManager
from dataclasses import asdict

from fanfold_client.api.client import Client
from fanfold_client.api.credentials import Fixed, Tokens, refresh, revoke
from fanfold_client.api.file_lock import locked
from fanfold_client.api.problems import NotAllowed
from fanfold_client.api.profiles import Profile, directory, load_profile, url_of, write_private


class Session:
    """Credentials stored in a file."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._file = directory("STATE", ".local/state") / f"{profile.name}.json"
        self._tokens: Tokens | None = None

    def token(self) -> str:
        """An access token, renewed if it has expired."""
        tokens = self._tokens = self._tokens or self._load()
        return self.renew(tokens.access) if tokens.stale else tokens.access

    def renew(self, refused: str) -> str:
        """A new token, unless another process has renewed it already."""
        with self._locked():
            tokens = self._load()
            if tokens.access == refused or tokens.stale:
                tokens = refresh(self.profile.auth_url, tokens.refresh)
                write_private(self._file, json.dumps(asdict(tokens)))
            self._tokens = tokens
            return tokens.access

    def save(self, tokens: Tokens) -> None:
        """Store the tokens of a new login."""
        with self._locked():
            write_private(self._file, json.dumps(asdict(tokens)))
        self._tokens = tokens

    def end(self) -> None:
        """Delete the tokens, and revoke the refresh token at the auth service."""
        with self._locked():
            tokens = self._load()
            self._file.unlink()
        revoke(self.profile.auth_url, tokens.refresh)

    def _load(self) -> Tokens:
        try:
            return Tokens(**json.loads(self._file.read_text()))
        except FileNotFoundError:
            raise NotAllowed(f"not logged in (profile {self.profile.name}): run {self.profile.login}") from None
        except (ValueError, TypeError) as error:
            raise NotAllowed(f"{self._file} has no valid tokens: run {self.profile.login}") from error

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._file.with_suffix(".lock"))


def open_client(profile: str | None = None) -> Client:
    """A client for a profile; or, if FANFOLD_TOKEN is set, for FANFOLD_URL (default: the profile's) with that token.

    Raises:
        NotAllowed: there is no login.
        Refused: the profile's name or the file is invalid.
    """
    token, url = os.environ.get("FANFOLD_TOKEN"), os.environ.get("FANFOLD_URL", "").rstrip("/")
    if token:
        return Client(url or url_of(profile), Fixed(token))
    stored = load_profile(profile)
    if url and url != stored.url:
        raise NotAllowed(
            f"FANFOLD_URL is {url}, but profile {stored.name} is logged in at {stored.url}: "
            f"set FANFOLD_TOKEN as well, or run `fanfold login {url}`"
        )
    return Client(stored.url, Session(stored), auth_url=stored.auth_url)
