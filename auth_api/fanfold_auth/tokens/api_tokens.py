"""API tokens: what lets a script act for its owner, in a role and until a day that the owner chooses.

A script sends its token to nobody but this service, which exchanges it (RFC 8693) for access tokens of ten minutes.
What it yields follows from its owner at that moment: the token's role or, if the owner's is lower by now, the owner's;
and nothing while the owner is disabled.

    auth/api-tokens/of/USER_ID    {tokens: {NAME: {hash, expires}}}   all of a user's, so that names are unique
    auth/api-tokens/by-hash/HASH  {version, name, user, user_id, role, stamp, created, expires, used}

A token is `ffat_`, 43 letters and digits that hold 256 random bits, and 6 that hold their CRC-32, so that a mistyped or
truncated one is told from an unknown one. Only its SHA-256 is stored. Access tokens that it was exchanged for bear its
stamp as the claim `via`; revoking it lists the stamp as ended, in the transaction that removes it, so they end, too.

Tokens stay in the list for a month after they have expired, so that their owners see why a script has stopped.
"""

import contextlib
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from fanfold_auth.accounts.users import ROLES, Role, User, Users
from fanfold_auth.refusals import ApiTokenExists, InvalidGrant, NoSuchApiToken, TooManyApiTokens
from fanfold_auth.stored import known
from fanfold_auth.tokens.opaque import hashed
from fanfold_storage.errors import StorageError
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Write
from fanfold_web.clock import timestamp
from fanfold_web.refusals import Contended, Forbidden
from fanfold_web.tokens.authorization import API_TOKEN_PREFIX

BY_HASH = "auth/api-tokens/by-hash/"
OF_USER = "auth/api-tokens/of/"
VERSION = 1
MOST = 50  # of one user
SHORTEST, LONGEST = 60, 366 * 86400  # seconds
KEPT = 30 * 86400.0  # seconds after its expiry for which a token is still listed
USE_NOTED_EVERY = 60.0  # seconds
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET, _CHECK = 43, 6  # digits of 256 bits, and of 32
_TRIES = 50


@dataclass(frozen=True, slots=True)
class ApiToken:
    """An API token as it is stored. Times are Unix seconds; `used` is within a minute, None: never."""

    name: str
    user: str
    user_id: str
    role: Role
    stamp: str
    created: float
    expires: float
    used: float | None = None
    version: int = VERSION


class ApiTokens:
    """The API tokens in a store of records."""

    def __init__(self, records: Records, users: Users, now: Callable[[], float] = time.time) -> None:
        self._records, self._users, self._now = records, users, now

    def create(self, user: User, name: str, role: Role, seconds: float) -> tuple[ApiToken, str]:
        """A new token, and the text that stands for it, which is never shown again.

        Raises Forbidden: the user has no such role; ApiTokenExists, TooManyApiTokens.
        """
        if _narrowed(user, role) != (role,):
            roles = ", ".join(user.roles) or "none"
            raise Forbidden(
                f"A token can't do more than its owner: {user.name!r} has the roles {roles}, so none can be {role}."
            )
        text, now = new_text(), self._now()
        token = ApiToken(name, user.name, user.id, role, secrets.token_hex(10), now, now + seconds)
        for _ in range(_TRIES):
            listed, revision = self._listed(user.id)
            if name in listed:
                raise ApiTokenExists(
                    f"There is a token {name!r} of yours already. Choose another name, or revoke that one first."
                )
            if len(listed) >= MOST:
                raise TooManyApiTokens(
                    f"{user.name!r} has {MOST} API tokens, the most that are kept: revoke one first."
                )
            added = listed | {name: {"hash": hashed(text), "expires": token.expires}}
            if self._written(user.id, added, revision, [self._stored(hashed(text), token)]):
                return token, text
        raise Contended

    def redeem(self, text: str) -> tuple[User, ApiToken]:
        """The owner, with what the token lets them do now, and the token. Raises InvalidGrant, which says why not."""
        record = self._find(text)
        token = _token(record)
        if self._now() >= token.expires:
            raise InvalidGrant(
                f"The API token {token.name!r} expired at {timestamp(token.expires, 'seconds')}. Create another one."
            )
        user = self._users.find(token.user)
        if user is None or user.id != token.user_id:
            self.end_all(token.user_id)
            raise InvalidGrant(f"The user of the API token {token.name!r} was removed.")
        if user.disabled:
            raise InvalidGrant(f"The user {user.name!r} is disabled. Ask an administrator.")
        self._note_use(record, token)
        return replace(user, roles=_narrowed(user, token.role)), token

    def of(self, user: User) -> list[ApiToken]:
        """All tokens of a user, by name, also those that expired in the last month."""
        listed, _ = self._listed(user.id)
        keys = {BY_HASH + entry["hash"] for entry in listed.values()}
        found = self._records.get_many(sorted(keys)) if keys else {}
        return sorted(map(_token, found.values()), key=lambda token: token.name)

    def valid(self, user: User) -> list[ApiToken]:
        """Those of a user's that haven't expired."""
        return [token for token in self.of(user) if self._now() < token.expires]

    def is_alive(self, user: User, stamp: str) -> bool:
        """Whether a user's token with this stamp has been neither revoked nor expired."""
        return any(token.stamp == stamp and self._now() < token.expires for token in self.of(user))

    def end(self, user: User, name: str) -> None:
        """End a user's token, and all access tokens that it was exchanged for. Raises NoSuchApiToken."""
        if not self._end(user.id, name):
            raise NoSuchApiToken(f"{user.name!r} has no API token {name[:80]!r}. List them with GET /v1/tokens.")

    def revoke(self, text: str) -> None:
        """End the token that a text stands for. An unknown one needs no revoking (RFC 7009 §2.2)."""
        with contextlib.suppress(InvalidGrant):
            token = _token(self._find(text))
            self._end(token.user_id, token.name)

    def end_all(self, user_id: str) -> None:
        """End all tokens of a user. If that one was removed, what a crash leaves of them yields nothing and expires."""
        for name in list(self._listed(user_id)[0]):
            self._end(user_id, name)

    def _end(self, user_id: str, name: str) -> bool:
        """End a token; False if there is none of that name."""
        for _ in range(_TRIES):
            listed, revision = self._listed(user_id)
            if name not in listed:
                return False
            key = BY_HASH + listed[name]["hash"]
            record = self._records.get(key)
            ended = [self._users.ended(_token(record).stamp)] if record else []
            rest = {other: entry for other, entry in listed.items() if other != name}
            if self._written(user_id, rest, revision, [Write(key, None), *ended]):
                return True
        raise Contended

    def _listed(self, user_id: str) -> tuple[dict[str, Any], int]:
        """What a user's tokens are, without those whose records have gone, and the revision of that list."""
        record = self._records.get(OF_USER + user_id)
        if record is None:
            return {}, 0
        oldest = self._now() - KEPT
        kept = {name: entry for name, entry in record.value["tokens"].items() if entry["expires"] > oldest}
        return kept, record.revision

    def _written(self, user_id: str, listed: dict[str, Any], revision: int, writes: list[Write]) -> bool:
        """Store a user's list with other writes, unless another request has changed it since."""
        latest = max((entry["expires"] for entry in listed.values()), default=0.0)
        value = {"version": VERSION, "tokens": listed} if listed else None
        write = Write(OF_USER + user_id, value, self._left(latest) if listed else None)
        return not isinstance(self._records.transact([Expect(write.key, revision)], [write, *writes]), Conflict)

    def _stored(self, digest: str, token: ApiToken) -> Write:
        return Write(BY_HASH + digest, asdict(token), self._left(token.expires))

    def _left(self, expires: float) -> float:
        return max(2.0, expires + KEPT - self._now())

    def _find(self, text: str) -> Record:
        """The record of a token. Raises InvalidGrant, which says what is wrong with the text."""
        if not text.startswith(API_TOKEN_PREFIX):
            raise InvalidGrant(f"This is not an API token: one begins with {API_TOKEN_PREFIX}.")
        if not is_text(text):
            raise InvalidGrant("The API token is incomplete or mistyped: its last letters don't fit. Copy all of it.")
        record = self._records.get(BY_HASH + hashed(text))
        if record is None:
            raise InvalidGrant("The API token is unknown here, or was revoked. Create another one.")
        return record

    def _note_use(self, record: Record, token: ApiToken) -> None:
        """Store when the token was used, at most once a minute: a script that is busy shouldn't keep the store busy.

        If that fails, the next use will do; a token that was revoked meanwhile isn't stored again.
        """
        now = self._now()
        if token.used is None or abs(now - token.used) >= USE_NOTED_EVERY:
            write = Write(record.key, {**record.value, "used": now}, self._left(token.expires))
            with contextlib.suppress(StorageError):
                self._records.transact([Expect(record.key, record.revision)], [write])


def new_text() -> str:
    """A token that nobody has.

    >>> is_text(new_text()), is_text(new_text()[:-1]), len(new_text())
    (True, False, 54)
    """
    secret = _digits(int.from_bytes(secrets.token_bytes(32)), _SECRET)
    return API_TOKEN_PREFIX + secret + _check(secret)


def is_text(text: str) -> bool:
    """Whether a text is whole: it has the form of a token, and its last digits fit the others."""
    rest = text.removeprefix(API_TOKEN_PREFIX)
    return (
        len(text) - len(rest) == len(API_TOKEN_PREFIX)
        and len(rest) == _SECRET + _CHECK
        and all(character in _DIGITS for character in rest)
        and _check(rest[:_SECRET]) == rest[_SECRET:]
    )


def _check(secret: str) -> str:
    return _digits(zlib.crc32(secret.encode()), _CHECK)


def _digits(number: int, count: int) -> str:
    """A number in 62 digits, as many as asked for."""
    digits = ""
    for _ in range(count):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def _narrowed(user: User, role: Role) -> tuple[Role, ...]:
    """The role, or the user's highest if that is lower; none if the user has none."""
    highest = max(map(ROLES.index, user.roles), default=-1)
    return () if highest < 0 else (ROLES[min(highest, ROLES.index(role))],)


def _token(record: Record) -> ApiToken:
    return known(ApiToken, record.value)
