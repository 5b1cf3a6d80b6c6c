"""A login that several processes share.

    $XDG_STATE_HOME/fanfold/PROFILE.json      the tokens              (mode 0600)
    $XDG_STATE_HOME/fanfold/PROFILE.lock      held while they change

A refresh token can be used only once, so processes take turns: whoever holds the lock reads the tokens, renews them
only if no other process has, and stores the new ones before anybody uses them.
"""

import json
import os
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass

from fanfold_client.api.credentials import API_TOKEN_PREFIX, Exchanged, Fixed, Tokens, log_in, refresh, revoke
from fanfold_client.api.problems import NotAllowed
from fanfold_client.api.profiles import Profile, directory, load_profile, save_profile, url_of, write_private
from fanfold_client.api.transport import Credentials, Transport
from fanfold_storage.file_lock import locked


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


@dataclass(frozen=True, slots=True)
class Access:
    """The services of a login, and its tokens. `auth_url` is None if the submit service is to be asked for it."""

    url: str
    credentials: Credentials
    auth_url: str | None = None


def stored_access(profile: str | None = None) -> Access:
    """The login of a profile; or, if FANFOLD_TOKEN is set, FANFOLD_URL (default: the profile's) with that token.

    That may be an API token, for which the auth service is asked for access tokens; or an access token.

    Raises:
        NotAllowed: there is no login.
        Refused: the profile's name or the file is invalid.
    """
    token, url = os.environ.get("FANFOLD_TOKEN"), os.environ.get("FANFOLD_URL", "").rstrip("/")
    if token:
        url = url or url_of(profile)
        if token.startswith(API_TOKEN_PREFIX):
            return Access(url, Exchanged(lambda: auth_url_of(url), token.strip()))
        return Access(url, Fixed(token))
    stored = load_profile(profile)
    if url and url != stored.url:
        raise NotAllowed(
            f"FANFOLD_URL is {url}, but profile {stored.name} is logged in at {stored.url}: "
            f"set FANFOLD_TOKEN as well, or run `fanfold login {url}`"
        )
    return Access(stored.url, Session(stored), stored.auth_url)


def auth_url_of(url: str) -> str:
    """The auth service of a submit service, as that one says."""
    transport = Transport(url)
    try:
        return str(transport.json("GET", "/v1/about")["auth_url"])
    finally:
        transport.close()


def store_login(profile: Profile, password: str) -> Access:
    """Log in to a profile, and keep the login for all commands. Raises NotAllowed: name and password don't match."""
    return store_tokens(profile, log_in(profile.auth_url, profile.user, password))


def store_tokens(profile: Profile, tokens: Tokens) -> Access:
    """Keep the tokens of a login to a profile, for all commands."""
    session = Session(profile)
    save_profile(profile)
    session.save(tokens)
    return Access(profile.url, session, profile.auth_url)
