"""A login that several processes share.

    $XDG_STATE_HOME/fanfold/PROFILE.json      the tokens              (mode 0600)
    $XDG_STATE_HOME/fanfold/PROFILE.lock      held while they change

A refresh token is good for one use, so processes take turns: whoever holds the lock reads what is there, renews it only
if nobody has meanwhile, and saves the successor before anybody uses it.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from fanfold_client.client import Client
from fanfold_client.credentials import Fixed, Tokens, give_back, refresh
from fanfold_client.problems import NotAllowed
from fanfold_client.profiles import Profile, directory, load_profile, url_of, write_private


class Session:
    """Credentials kept in a file."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._file = directory("STATE", ".local/state") / f"{profile.name}.json"
        self._known: Tokens | None = None

    def token(self) -> str:
        """An access token, renewed if it has run out."""
        tokens = self._known = self._known or self._load()
        return self.renew(tokens.access) if tokens.stale else tokens.access

    def renew(self, refused: str) -> str:
        """The next token, unless another process had it already."""
        with self._locked():
            tokens = self._load()
            if tokens.access == refused or tokens.stale:
                tokens = refresh(self.profile.auth_url, tokens.refresh)
                write_private(self._file, json.dumps(asdict(tokens)))
            self._known = tokens
            return tokens.access

    def save(self, tokens: Tokens) -> None:
        """Keep tokens, after a login."""
        with self._locked():
            write_private(self._file, json.dumps(asdict(tokens)))
        self._known = tokens

    def end(self) -> None:
        """Forget the tokens and give the refresh token back to the auth service."""
        with self._locked():
            tokens = self._load()
            self._file.unlink()
        give_back(self.profile.auth_url, tokens.refresh)

    def _load(self) -> Tokens:
        try:
            return Tokens(**json.loads(self._file.read_text()))
        except FileNotFoundError:
            raise NotAllowed(f"not logged in (profile {self.profile.name}): run {self.profile.login}") from None
        except (ValueError, TypeError) as error:
            raise NotAllowed(f"{self._file} holds no tokens: run {self.profile.login}") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # also between threads: each has its own descriptor
            yield
        finally:
            os.close(descriptor)


def open_client(profile: str | None = None) -> Client:
    """A client for a profile, or for FANFOLD_URL (default: the profile's) with FANFOLD_TOKEN.

    Raises:
        NotAllowed: nobody has logged in there.
        Refused: there is no such profile.
    """
    token, url = os.environ.get("FANFOLD_TOKEN"), os.environ.get("FANFOLD_URL", "").rstrip("/")
    if token:
        return Client(url or url_of(profile), Fixed(token))
    found = load_profile(profile)
    if url and url != found.url:
        raise NotAllowed(
            f"FANFOLD_URL is {url}, but profile {found.name} is logged in at {found.url}: "
            f"set FANFOLD_TOKEN as well, or run `fanfold login {url}`"
        )
    return Client(found.url, Session(found), auth_url=found.auth_url)
