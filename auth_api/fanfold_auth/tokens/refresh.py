"""Refresh tokens: each login starts a family, each refresh replaces its token, and reusing an old one ends the family.

A token is `FAMILY.SECRET`, 128 and 256 random bits. The family is one record, changed by compare-and-set:

    auth/refresh/FAMILY   {user, epoch, expires, current, previous, rotated, sealed, client, client_stamp}

Only SHA-256 hashes of tokens are stored. If a response is lost, the request may be repeated: within ten seconds the
previous token gets the *same* successor, which is stored encrypted under a key derived from the previous token. Any
other token of the family was replaced before and may have been stolen, so the family ends, for thief and owner alike.
The family's random name is known only from its tokens, so a stranger cannot end it.

Each family is shown to its user as a session, which is written together with it. The family of an application names its
client by its id and its stamp, and no other one can use it.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from fanfold_auth.accounts.users import User, Users
from fanfold_auth.keys.sealing import derive, seal, unseal
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.settings import Settings
from fanfold_auth.stored import kept, known
from fanfold_auth.tokens.opaque import hashed, mint, name_in, new_name
from fanfold_auth.tokens.sessions import FAMILIES, Permission, Sessions, Source
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Value, Write
from fanfold_web.refusals import Contended

REPEAT_WITHIN = 10.0
_PURPOSE = "fanfold refresh successor"
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
    client_stamp: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """A family that is about to begin: its first token, and what stores the family and its session."""

    token: str
    writes: tuple[Write, ...]


class Refreshes:
    """The refresh families in a store of records."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        users: Users,
        sessions: Sessions,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._life, self._now = settings.refresh_seconds, now
        self._records, self._users, self._sessions = records, users, sessions

    def start(self, user: User, source: Source | None = None) -> str:
        """Start the command's family for a user who has just logged in; return its first token."""
        begun = self.begin(user, new_name(), source)
        self._records.transact([], begun.writes)
        return begun.token

    def begin(self, user: User, name: str, source: Source | None = None, permission: Permission | None = None) -> Begun:
        """A family of that name, which is stored with the writes that it has.

        Args:
            user: who has just logged in.
            name: a new one, by `opaque.new_name`.
            source: where the login came from.
            permission: of the application that gets the token; None: it is the command.
        """
        token = mint(name)
        family = Family(user.name, user.epoch, self._now() + self._life, hashed(token), "", 0.0, "")
        if permission:
            family = replace(family, client=permission.client, client_stamp=permission.client_stamp)
            session = self._sessions.of_application(user, self._life, permission, name)
        else:
            session = self._sessions.of_command(user, self._life, source or Source(), name)
        return Begun(token, (self._write(name, family, {}), self._sessions.write(session)))

    def rotate(self, token: str, client: str = "", client_stamp: str = "") -> tuple[User, str]:
        """The user as stored now, and the token's successor. Raises InvalidGrant: also if it is another client's."""
        name = family_of(token)
        for _ in range(_TRIES):
            record = self._records.get(FAMILIES + name)
            if record is None:
                raise InvalidGrant
            family = known(Family, record.value)
            if (family.client, family.client_stamp) != (client, client_stamp):
                raise InvalidGrant
            user = self._owner(family, record)
            if hashed(token) == family.current:
                successor = mint(name)
                if self._store(name, self._next(family, token, successor), record):
                    return user, successor
            elif hashed(token) == family.previous and abs(self._now() - family.rotated) <= REPEAT_WITHIN:
                return user, unseal(_sealing_key(token), family.sealed, _PURPOSE).decode()
            elif self._end(record):
                raise InvalidGrant(
                    "The refresh token was used before, so it may have been stolen. This login has ended; log in again."
                )
        raise Contended

    def revoke(self, token: str) -> None:
        """End the token's family. An unknown token needs no revoking (RFC 7009 §2.2)."""
        if name := name_in(token):
            self._records.transact([], [Write(FAMILIES + name, None)])

    def _owner(self, family: Family, record: Record) -> User:
        user = self._users.find(family.user)
        if self._now() >= family.expires or user is None or user.disabled or user.epoch != family.epoch:
            self._end(record)
            raise InvalidGrant
        return user

    def _next(self, family: Family, token: str, successor: str) -> Family:
        sealed = seal(_sealing_key(token), successor.encode(), _PURPOSE)
        return replace(family, current=hashed(successor), previous=hashed(token), rotated=self._now(), sealed=sealed)

    def _store(self, name: str, family: Family, before: Record) -> bool:
        write = self._write(name, family, before.value)
        return not isinstance(self._records.transact([Expect(write.key, before.revision)], [write]), Conflict)

    def _write(self, name: str, family: Family, before: Value) -> Write:
        value = kept(Family, before, asdict(family))
        if not family.client:
            del value["client"], value["client_stamp"]  # so that older replicas can read the families of the command
        return Write(FAMILIES + name, value, expires_in=max(2.0, family.expires - self._now()))

    def _end(self, record: Record) -> bool:
        answer = self._records.transact([Expect(record.key, record.revision)], [Write(record.key, None)])
        return not isinstance(answer, Conflict)


def family_of(token: str) -> str:
    """The name of a token's family. Raises InvalidGrant: it isn't a refresh token."""
    name = name_in(token)
    if name is None:
        raise InvalidGrant
    return name


def _sealing_key(token: str) -> bytes:
    return derive(token.encode(), _PURPOSE)
