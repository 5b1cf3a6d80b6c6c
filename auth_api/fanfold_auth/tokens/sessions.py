"""Sessions: where a user is logged in, for the user to see and to end.

    auth/sessions/USER_ID/ID   {kind, user, epoch, created, expires, …}; expires with the session

There are three kinds. A `browser` has logged in at the login page and is known by a cookie. A `command` is a login of
the command or of a script, which lasts as long as its refresh family. An `application` is a client of the OpenID
provider, for which somebody has logged in; it ends with the browser's session, or, if it may work on by itself, with
its refresh family.

A session ends with its record. It also ends when its user is disabled or removed, or gets a new password: it remembers
the user's epoch, as refresh families do. A cookie is `USER_ID:ID:SECRET`, with 256 random bits; only the SHA-256 of it
is stored.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from fanfold_auth.accounts.users import User, Users
from fanfold_auth.refusals import NoSuchSession
from fanfold_auth.stored import known
from fanfold_auth.tokens.opaque import RANDOM, hashed, matches, new_secret
from fanfold_storage.records.protocol import Record, Records, Write
from fanfold_web.tokens.authorization import NAME_PATTERN

SESSIONS = "auth/sessions/"
FAMILIES = "auth/refresh/"
LONGEST_AGENT = 200
Kind = Literal["browser", "command", "application"]
_ID = re.compile("[0-9a-f]{20}")
_COOKIE = re.compile(rf"({NAME_PATTERN}):([0-9a-f]{{20}}):{RANDOM}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a login came from: the peer's address, and what its program calls itself."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a user has granted an application: which one it is, and what it may read."""

    client: str
    client_stamp: str
    scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One login. `claims` and `scopes` are what an application may read."""

    id: str
    kind: Kind
    user: str
    user_id: str
    epoch: str
    created: float
    expires: float
    address: str = ""
    agent: str = ""
    hash: str = ""
    """The SHA-256 of a browser's cookie."""
    family: str = ""
    """The refresh family that the session lasts as long as."""
    browser: str = ""
    """The browser's session that an application's ends with."""
    client: str = ""
    client_stamp: str = ""
    """The application's; another one that is registered under its id later has another stamp."""
    scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The record's key."""
        return f"{SESSIONS}{self.user_id}/{self.id}"


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of sessions; `after` continues the list, None at the end."""

    sessions: list[Session]
    after: str | None


class Sessions:
    """The sessions in a store of records."""

    def __init__(self, records: Records, users: Users, now: Callable[[], float] = time.time) -> None:
        self._records, self._users, self._now = records, users, now

    def of_command(self, user: User, seconds: float, source: Source, family: str) -> Session:
        """A session of the command or a script, which lasts as long as a refresh family; `write` stores it."""
        session = self._new("command", user, seconds, source)
        return replace(session, id=session_of(family), family=family)

    def of_application(
        self, user: User, seconds: float, permission: Permission, name: str, *, browser: str = ""
    ) -> Session:
        """A session of an application, to be stored by `write`. `name` is that of a refresh family.

        It ends with that family, or with the session of a browser, in which case there is no such family.
        """
        return replace(
            self._new("application", user, seconds, Source()),
            id=session_of(name),
            family="" if browser else name,
            browser=browser,
            client=permission.client,
            client_stamp=permission.client_stamp,
            scopes=permission.scopes,
            claims=permission.claims,
        )

    def _new(self, kind: Kind, user: User, seconds: float, source: Source) -> Session:
        now, name = self._now(), secrets.token_hex(10)
        address, agent = source.address[:64], _printable(source.agent)[:LONGEST_AGENT]
        return Session(name, kind, user.name, user.id, user.epoch, now, now + seconds, address, agent)

    def write(self, session: Session) -> Write:
        """What stores a session."""
        value = {
            name: content for name, content in asdict(session).items() if content and name not in ("id", "user_id")
        }
        return Write(session.key, value, expires_in=max(2.0, session.expires - self._now()))

    def start_browser(
        self, user: User, seconds: float, source: Source, replaced: Session | None
    ) -> tuple[Session, str]:
        """A new session for whoever has just logged in, and its cookie; it replaces the one that the browser had."""
        session = self._new("browser", user, seconds, source)
        cookie = f"{user.id}:{session.id}:{new_secret()}"
        session = replace(session, hash=hashed(cookie))
        ended = [Write(replaced.key, None)] if replaced else []
        self._records.transact([], [self.write(session), *ended])
        return session, cookie

    def of_cookie(self, cookie: str) -> tuple[Session, User] | None:
        """The session that a cookie stands for, and its user as stored now; None if there is none any more."""
        match = _COOKIE.fullmatch(cookie)
        session = self.find(match[1], match[3]) if match else None
        if session is None or not matches(session.hash, cookie):
            return None
        user = self.user_of(session)
        return (session, user) if user else None

    def user_of(self, session: Session) -> User | None:
        """The user as stored now, if the session holds."""
        user = self._users.find(session.user)
        held = user is not None and not user.disabled and (user.id, user.epoch) == (session.user_id, session.epoch)
        return user if held and self._now() < session.expires else None

    def find(self, user_id: str, session_id: str) -> Session | None:
        """The session, unless it has ended with its browser's session or its refresh family."""
        if not re.fullmatch(NAME_PATTERN, user_id) or not _ID.fullmatch(session_id):
            return None
        record = self._records.get(f"{SESSIONS}{user_id}/{session_id}")
        return next(iter(self._lasting([_session(record)] if record else [])), None)

    def page(self, user: User, after: str = "", limit: int = 100) -> SessionPage:
        """At most `limit` of a user's sessions by id; some may have ended, and are left out."""
        prefix = f"{SESSIONS}{user.id}/"
        page = self._records.scan(prefix, after=prefix + after if after else "", limit=limit)
        found = [_session(record) for record in page.records]
        held = [one for one in self._lasting(found) if one.epoch == user.epoch and self._now() < one.expires]
        return SessionPage(held, found[-1].id if page.more and found else None)

    def get(self, user: User, session_id: str) -> Session:
        """A session of a user's. Raises NoSuchSession."""
        session = self.find(user.id, session_id)
        if session is None:
            raise NoSuchSession(f"There is no session {session_id[:40]!r} of {user.name!r}.")
        return session

    def drop(self, session: Session) -> None:
        """End a session and its refresh family."""
        family = [Write(FAMILIES + session.family, None)] if session.family else []
        self._records.transact([], [Write(session.key, None), *family])

    def _lasting(self, sessions: list[Session]) -> list[Session]:
        needed = {session.id: key for session in sessions if (key := _lasts_with(session))}
        present: set[str] = set()
        keys = sorted(set(needed.values()))
        for start in range(0, len(keys), 100):
            present |= self._records.get_many(keys[start : start + 100]).keys()
        return [session for session in sessions if needed.get(session.id) in {None, *present}]


def session_of(family: str) -> str:
    """The id of the session that lasts as long as a refresh family; it doesn't tell the family's name."""
    return hashlib.sha256(family.encode()).hexdigest()[:20]


def _lasts_with(session: Session) -> str | None:
    """The record with which a session ends, beside its own."""
    if session.family:
        return FAMILIES + session.family
    return f"{SESSIONS}{session.user_id}/{session.browser}" if session.browser else None


def _session(record: Record) -> Session:
    user_id, _, session_id = record.key.removeprefix(SESSIONS).partition("/")
    return known(Session, record.value, id=session_id, user_id=user_id)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
