"""Refresh tokens: each login starts a family, each refresh replaces its token, and reusing an old one ends the family.

A token is `FAMILY.SECRET`, 128 and 256 random bits. The family is one record, changed by compare-and-set:

    auth/refresh/FAMILY   {user, epoch, expires, current, previous, rotated, sealed, client}

Only SHA-256 hashes of tokens are stored. If a response is lost, the request may be repeated: within ten seconds the
previous token gets the *same* successor, which is stored encrypted under a key derived from the previous token. Any
other token of the family was replaced before and may have been stolen, so the family ends, for thief and owner alike.
The family's random name is known only from its tokens, so a stranger cannot end it.

Each family is shown to its user as a session, which is written together with it. The family of an application names its
client, and no other one can use it.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from fanfold_auth.accounts.users import User, Users
from fanfold_auth.keys.sealing import derive, seal, unseal
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.settings import Settings
from fanfold_auth.stored import kept, known
from fanfold_auth.tokens.sessions import FAMILIES, Kind, Sessions, Source
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Write
from fanfold_web.refusals import Contended

REPEAT_WITHIN = 10.0
_PURPOSE = "fanfold refresh successor"
_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")
_TRIES = 50  # whoever loses a race finds the token replaced, and the next try returns its successor


@dataclass(frozen=True, slots=True)
class Family:
    """A login and its latest tokens."""

    user: str
    epoch: str
    expires: float
    current: str
    previous: str
    rotated: float
    sealed: str
    client: str = ""
    """The application that has it; empty: the command."""


class Refreshes:
    """The refresh families in a store of records."""

    def __init__(
        self, settings: Settings, records: Records, users: Users, now: Callable[[], float] = time.time
    ) -> None:
        self._life, self._records, self._users, self._now = settings.refresh_seconds, records, users, now
        self._sessions = Sessions(records, users, now)

    def start(self, user: User, source: Source | None = None, *, name: str = "", client: str = "", **about: Any) -> str:
        """Start a family for a user who has just logged in; return its first token.

        Args:
            user: who has logged in.
            source: from where.
            name: the family's name, if it is known already.
            client: the application that gets the token; empty: the command.
            about: what the application may read: the session's `scopes` and `claims`.
        """
        name = name or new_family()
        token = _token(name)
        family = Family(user.name, user.epoch, self._now() + self._life, _hash(token), "", 0.0, "", client)
        kind: Kind = "application" if client else "command"
        session = self._sessions.new(kind, user, self._life, source, family=name, client=client, **about)
        if isinstance(self._store(name, family, None, self._sessions.write(session)), Conflict):
            raise Contended  # the same 128 random bits twice: practically impossible
        return token

    def rotate(self, token: str, client: str = "") -> tuple[User, str]:
        """The user as stored now, and the token's successor. Raises InvalidGrant: also if it is another client's."""
        name = family_of(token)
        for _ in range(_TRIES):
            record = self._records.get(FAMILIES + name)
            if record is None:
                raise InvalidGrant
            family = known(Family, record.value)
            if family.client != client:
                raise InvalidGrant
            user = self._owner(family, record)
            if _hash(token) == family.current:
                successor = _token(name)
                if not isinstance(self._store(name, self._next(family, token, successor), record), Conflict):
                    return user, successor
            elif _hash(token) == family.previous and abs(self._now() - family.rotated) <= REPEAT_WITHIN:
                return user, unseal(_sealing_key(token), family.sealed, _PURPOSE).decode()
            elif self._end(record):
                raise InvalidGrant(
                    "The refresh token was used before, so it may have been stolen. This login has ended; log in again."
                )
        raise Contended

    def revoke(self, token: str) -> None:
        """End the token's family. An unknown token needs no revoking (RFC 7009 §2.2)."""
        if _TOKEN.fullmatch(token):
            self._records.transact([], [Write(FAMILIES + family_of(token), None)])

    def _owner(self, family: Family, record: Record) -> User:
        user = self._users.find(family.user)
        if self._now() >= family.expires or user is None or user.disabled or user.epoch != family.epoch:
            self._end(record)
            raise InvalidGrant
        return user

    def _next(self, family: Family, token: str, successor: str) -> Family:
        sealed = seal(_sealing_key(token), successor.encode(), _PURPOSE)
        return replace(family, current=_hash(successor), previous=_hash(token), rotated=self._now(), sealed=sealed)

    def _store(self, name: str, family: Family, before: Record | None, *beside: Write) -> int | Conflict:
        value = kept(Family, before.value if before else {}, asdict(family))
        if not family.client:
            del value["client"]  # so that replicas of older versions can read the families of the command
        write = Write(FAMILIES + name, value, expires_in=max(2.0, family.expires - self._now()))
        return self._records.transact([Expect(write.key, before.revision if before else 0)], [write, *beside])

    def _end(self, record: Record) -> bool:
        answer = self._records.transact([Expect(record.key, record.revision)], [Write(record.key, None)])
        return not isinstance(answer, Conflict)


def new_family() -> str:
    """The name of a family that is about to begin."""
    return secrets.token_urlsafe(16)


def _token(family: str) -> str:
    return f"{family}.{secrets.token_urlsafe(32)}"


def family_of(token: str) -> str:
    """The name of a token's family. Raises InvalidGrant: it isn't a refresh token."""
    match = _TOKEN.fullmatch(token)
    if not match:
        raise InvalidGrant
    return match[1]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _sealing_key(token: str) -> bytes:
    return derive(token.encode(), _PURPOSE)
