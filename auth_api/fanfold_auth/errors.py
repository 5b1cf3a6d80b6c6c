"""Why auth_api says no. Each refusal knows its kind of problem; `problems` turns it into an RFC 9457 body.

    Refused
    ├── Invalid           422  the request can be read but not granted as it stands
    │   ├── BadName            a user name outside the allowed form
    │   └── WeakPassword       too short, too long, or one that everybody tries first
    ├── InvalidGrant      400  a refresh token that is unknown, used up, expired or revoked
    ├── InvalidRequest    400  a token request that OAuth does not allow
    ├── UnsupportedGrant  400  a grant type that is not offered
    ├── Unauthenticated   401  no token, or one that does not hold
    ├── WrongPassword     401  name and password do not belong together
    ├── Forbidden         403  the role is missing
    ├── NoSuchUser        404
    ├── UserExists        409
    ├── LastAdmin         409  the change would leave nobody who can administer
    ├── RotationPending   409  a new key is published already and waits for its turn
    ├── Contended         503  too many others changed the same record at the same time
    ├── StoreAway         503  the records do not answer
    ├── Throttled         429  too many attempts on one account from one place
    └── Busy              503  more passwords to check than cores to check them

`CannotServe` is no answer to a request: the service cannot work as it is set up, and a person has to mend that.
"""

import math
from typing import ClassVar

from fanfold_web import kinds
from fanfold_web.kinds import Kind


class Refused(Exception):
    """A request that is answered with a problem; `detail` says what happened and how to mend it."""

    kind: ClassVar[Kind] = kinds.BAD_REQUEST

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(detail or self.kind.example)
        self.detail = detail or self.kind.example
        self.retry_after = retry_after

    def headers(self) -> dict[str, str]:
        """Headers that belong to the answer."""
        return {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


class Invalid(Refused):
    """The request can be read but not granted as it stands."""

    kind = kinds.INVALID


class BadName(Invalid):
    """A user name outside the allowed form."""

    kind = Kind(
        422,
        "bad-name",
        "Not a user name",
        "'Bob!' is not a user name: use 1 to 63 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends.",
    )


class WeakPassword(Invalid):
    """A password that is too short, too long, or one that everybody tries first."""

    kind = Kind(
        422,
        "weak-password",
        "The password is too weak",
        "The password is among the commonest ones. Choose another.",
    )


class InvalidGrant(Refused):
    """A refresh token that is unknown, used up, expired or revoked."""

    kind = Kind(
        400,
        "invalid-grant",
        "The refresh token does not hold",
        "The refresh token is unknown, expired, used before or revoked. Log in again.",
        {"error": "invalid_grant"},
    )


class InvalidRequest(Refused):
    """A token request that OAuth does not allow: a parameter is missing or given twice."""

    kind = Kind(
        400,
        "invalid-request",
        "Not a token request",
        "The parameter refresh_token is missing: send it in the form.",
        {"error": "invalid_request"},
    )


class UnsupportedGrant(Refused):
    """A grant type that is not offered."""

    kind = Kind(
        400,
        "unsupported-grant-type",
        "Grant type not offered",
        "The grant type 'password' is not offered. Use refresh_token, or log in at /v1/login.",
        {"error": "unsupported_grant_type"},
    )


class Unauthenticated(Refused):
    """No token, or one that does not hold; `detail` says why."""

    kind = kinds.UNAUTHENTICATED

    def __init__(self, detail: str | None = None, *, token_given: bool = False) -> None:
        super().__init__(detail)
        self.token_given = token_given

    def headers(self) -> dict[str, str]:
        """The challenge of RFC 6750 §3; it names an error only when a token was sent."""
        return {"WWW-Authenticate": 'Bearer realm="fanfold"' + (', error="invalid_token"' if self.token_given else "")}


class WrongPassword(Refused):
    """Name and password do not belong together; unknown and disabled users get the very same answer."""

    kind = Kind(
        401,
        "wrong-password",
        "Wrong name or password",
        "The name or the password is wrong, or the user is disabled. Try again, or ask an administrator.",
    )

    def headers(self) -> dict[str, str]:
        """Every 401 carries a challenge (RFC 9110 §15.5.2)."""
        return {"WWW-Authenticate": 'Bearer realm="fanfold"'}


class Forbidden(Refused):
    """The caller is known but lacks the role."""

    kind = kinds.FORBIDDEN

    def headers(self) -> dict[str, str]:
        """The challenge of RFC 6750 §3.1."""
        return {"WWW-Authenticate": 'Bearer realm="fanfold", error="insufficient_scope"'}


class NoSuchUser(Refused):
    """There is no user of that name."""

    kind = Kind(404, "no-such-user", "No such user", "There is no user 'bob'. List all with GET /v1/users.")


class UserExists(Refused):
    """The name is taken."""

    kind = Kind(409, "user-exists", "The name is taken", "There is a user 'bob' already. Choose another name.")


class LastAdmin(Refused):
    """The change would leave nobody who can administer."""

    kind = Kind(
        409,
        "last-admin",
        "The last admin stays",
        "'ada' is the last enabled admin. Make somebody else admin first.",
    )


class RotationPending(Refused):
    """A new key is published already and waits for its turn to sign."""

    kind = Kind(
        409,
        "rotation-pending",
        "A new key is waiting already",
        "The key published last signs from 2026-11-24T07:15:00Z on. Rotate again after that.",
    )


class Contended(Refused):
    """Too many others changed the same record at the same time; nothing was written."""

    kind = kinds.CONTENDED

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, retry_after=1)


class StoreAway(Refused):
    """The records do not answer; whether a change was made may be unknown until it is read back."""

    kind = kinds.STORE_AWAY

    def __init__(self) -> None:
        super().__init__(retry_after=2)


class Throttled(Refused):
    """Too many failed attempts on one account from one place."""

    kind = Kind(429, "throttled", "Too many attempts", "Too many attempts to log in as 'bob'. Try again in 8 s.")


class Busy(Refused):
    """More passwords are waiting to be checked than the cores can do shortly."""

    kind = Kind(
        503,
        "busy",
        "Too many logins at once",
        "Too many passwords are being checked at this moment. Try again in a second.",
    )

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class CannotServe(Exception):
    """The service cannot work as it is set up; the text says how to mend it."""


class KeyUnreadable(CannotServe):
    """A signing key cannot be opened: the KEK is not the one it was sealed with."""
