"""What belongs to accounts besides passwords and roles: groups, API tokens, sessions, delegations; and applications."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict, cast
from urllib.parse import quote

from fanfold_client.api.paths import delegation_path
from fanfold_client.api.problems import Refused
from fanfold_client.api.responses import User
from fanfold_client.api.transport import Transport

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class ApiToken(TypedDict):
    """An API token. `token`, which stands for it, is there only when it is new."""

    name: str
    role: str
    created: str
    expires: str
    last_used: str | None
    token: NotRequired[str]


class Delegation(TypedDict):
    """What a service may do for a user when nobody is logged in, such as to submit the jobs of a schedule."""

    id: str
    purpose: str
    created: str


class Group(TypedDict):
    """A group, and how many users are in it."""

    name: str
    members: int


class Groups:
    """Groups of users; for administrators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Group]:
        """All groups."""
        return self._transport.items("/v1/groups")

    def members(self, group: str) -> Sequence[str]:
        """The names of a group's members. Raises NotFound: nobody is in it."""
        return cast(Sequence[str], self._transport.json("GET", f"/v1/groups/{quote(group, safe='')}")["members"])

    def add(self, group: str, name: str) -> User:
        """Put a user into a group, which is made if nobody is in it."""
        return cast(User, self._transport.json("PUT", _membership(group, name)))

    def remove(self, group: str, name: str) -> User:
        """Take a user out of a group; access tokens that name it end within a minute."""
        return cast(User, self._transport.json("DELETE", _membership(group, name)))


class ApiTokens:
    """API tokens, with which scripts act for their owners."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, role: str = "submitter", expires: timedelta | str = "90d") -> ApiToken:
        """A new token; the text that stands for it, `token`, is never shown again.

        Args:
            name: unlike those of your other tokens.
            role: what it may do, at most what you may.
            expires: after how long it expires, such as `90d`, `12h` or `2w`, at most 366 days.

        Raises:
            Conflict: you have a token of that name, or as many as are kept.
            NotAllowed: you have no such role.
            Refused: it can't expire then.
        """
        body = {"name": name, "role": role, "expires_in": seconds_of(expires)}
        return cast(ApiToken, self._transport.json("POST", "/v1/tokens", json=body))

    def list(self, owner: str | None = None) -> Sequence[ApiToken]:
        """Your tokens by name, or another user's, for administrators; also those that expired in the last month."""
        return cast(Sequence[ApiToken], self._transport.json("GET", "/v1/tokens", params=_of(owner))["items"])

    def valid(self, owner: str | None = None) -> Sequence[ApiToken]:
        """Those that haven't expired, with which a script may still act."""
        now = datetime.now(UTC)
        return [token for token in self.list(owner) if datetime.fromisoformat(token["expires"]) > now]

    def revoke(self, name: str, owner: str | None = None) -> None:
        """End a token at once. Raises NotFound."""
        self._transport.request("DELETE", f"/v1/tokens/{quote(name, safe='')}", params=_of(owner))


class LoginSession(TypedDict):
    """Where a user is logged in: a `browser`, the `command`, or an `application`, whose id is `client`."""

    id: str
    kind: str
    client: str | None
    created: str
    expires: str
    address: str
    agent: str


class LoginSessions:
    """Where users are logged in."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, owner: str | None = None) -> Iterator[LoginSession]:
        """Your sessions, or another user's, for administrators."""
        return self._transport.items("/v1/sessions", _of(owner))

    def end(self, session_id: str, owner: str | None = None) -> None:
        """End a session, and its tokens. Raises NotFound."""
        self._transport.request("DELETE", f"/v1/sessions/{quote(session_id, safe='')}", params=_of(owner))

    def end_all(self, owner: str | None = None) -> None:
        """End all sessions of yours, this one included; or another user's, for administrators."""
        self._transport.request("DELETE", "/v1/sessions", params=_of(owner))


class Application(TypedDict):
    """An application at which people log in through the auth service. `secret` is there only when it is new."""

    id: str
    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str]
    public: bool
    pkce: bool
    created: str
    secret: NotRequired[str | None]


class Applications:
    """The clients of the OpenID provider, for administrators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(
        self,
        client_id: str,
        redirect_uris: Sequence[str],
        post_logout_redirect_uris: Sequence[str] = (),
        *,
        public: bool = False,
        pkce: bool = True,
    ) -> Application:
        """Register an application; its `secret` is never shown again. One that is `public` has none.

        Raises:
            Conflict: the id is taken.
            Refused: a redirect URI isn't safe.
        """
        uris = {"redirect_uris": list(redirect_uris), "post_logout_redirect_uris": list(post_logout_redirect_uris)}
        body = {"id": client_id, **uris, "public": public, "pkce": pkce}
        return cast(Application, self._transport.json("POST", "/v1/clients", json=body))

    def list(self) -> Sequence[Application]:
        """All applications, by id."""
        return cast(Sequence[Application], self._transport.json("GET", "/v1/clients")["items"])

    def remove(self, client_id: str) -> None:
        """Forget an application: nobody can log in there any more. Raises NotFound."""
        self._transport.request("DELETE", f"/v1/clients/{quote(client_id, safe='')}")


class Delegations:
    """What services may do for you. Adding a schedule makes one, removing it ends that."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Sequence[Delegation]:
        """Your delegations."""
        return cast(Sequence[Delegation], self._transport.json("GET", "/v1/delegations")["items"])

    def end(self, delegation: str) -> None:
        """End one: a schedule pauses when it is due, and says why. Raises NotFound: you have none with this id."""
        self._transport.request("DELETE", delegation_path(delegation))


def seconds_of(duration: timedelta | str) -> int:
    """A length of time in seconds. Raises Refused.

    >>> seconds_of("90d"), seconds_of("12h")
    (7776000, 43200)
    """
    if isinstance(duration, timedelta):
        return int(duration.total_seconds())
    found = re.fullmatch(r"(\d{1,6})([mhdw])", duration)
    if not found:
        raise Refused(f"{duration!r:.80} is not a length of time: write 30m, 12h, 90d or 4w")
    return int(timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds())


def _membership(group: str, name: str) -> str:
    return f"/v1/users/{quote(name, safe='')}/groups/{quote(group, safe='')}"


def _of(owner: str | None) -> dict[str, str]:
    return {} if owner is None else {"owner": owner}
