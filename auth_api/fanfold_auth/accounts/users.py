"""Users as records, without HTTP: names, roles, passwords, and who may administer.

    auth/users/NAME    the user
    auth/admins        {"names": [...]}: everyone who is admin and enabled
    auth/ended/STAMP   the stamp of access tokens that have ended; expires with them

Each change is one compare-and-set transaction on the user's record, and on `auth/admins` too if it adds or removes an
admin. So if two admins demote each other at the same moment, they conflict on that record and the second is refused.

Files and jobs belong to a user's `id`, which is random and never reused; the name is free once its user is removed.
Users who were stored before there were ids have their name as their id, since their files and jobs are stored under it.

A user has an `epoch`, replaced by a random one whenever the password is set or the user is disabled. A refresh family
remembers the epoch in which it began and ends when the user's differs, so one transaction ends every login. A `stamp`
does the same for access tokens. It is also replaced when a role is revoked, and the old one is listed as ended until
the tokens that bear it have expired.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from fanfold_auth.accounts.passwords import Hashing, check_strength
from fanfold_auth.refusals import BadName, LastAdmin, NoSuchUser, UserExists
from fanfold_storage.errors import Unknown
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Value, Write
from fanfold_web.refusals import Contended
from fanfold_web.tokens.authorization import NAME_PATTERN, SKEW, TOKEN_SECONDS

Role = Literal["viewer", "submitter", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what the ones before it may

_NAME = re.compile(NAME_PATTERN)

USERS = "auth/users/"
ADMINS = "auth/admins"
ENDED = "auth/ended/"
SET_BACK = 600.0  # seconds by which a clock may be set back without a token that has ended being valid again
_TRIES = 50  # each conflict means that another change went through


def is_name(text: str) -> bool:
    """Whether a text has the form of a user's name."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in."""

    id: str
    name: str
    roles: tuple[Role, ...]
    disabled: bool
    created: float
    epoch: str
    stamp: str
    password: str  # its argon2id hash

    @property
    def administers(self) -> bool:
        """Whether this user is an admin who is able to act."""
        return "admin" in self.roles and not self.disabled


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of users; `after` continues the list, None at the end."""

    users: list[User]
    after: str | None


class Users:
    """The users in a store of records."""

    def __init__(
        self,
        records: Records,
        hashing: Hashing | None = None,
        now: Callable[[], float] = time.time,
        token_seconds: float = TOKEN_SECONDS,
    ) -> None:
        self._records = records
        self._hashing = hashing or Hashing()
        self._now = now
        self._ended_seconds = token_seconds + 2 * SKEW + SET_BACK

    def create(self, name: str, password: str, roles: Sequence[Role], *, any_password: bool = False) -> User:
        """Add a user; `any_password` skips the rules, for the demo. Raises BadName, WeakPassword, UserExists."""
        if not is_name(name):
            raise BadName(
                f"{name[:80]!r} is not a user name: use 1 to 63 of a-z, 0-9, '.', '_' and '-', "
                "with a letter or digit at both ends."
            )
        if not any_password:
            check_strength(password, name)
        if self._records.get(USERS + name):  # saves the cost of a hash; the transaction below decides
            raise _taken(name)
        encoded = self._hash(password)
        user = User(_random(), name, _ordered(roles), False, self._now(), _random(), _random(), encoded)
        for _ in range(_TRIES):
            if self._commit(None, user, 0):
                return user
            if self._records.get(USERS + name):
                raise _taken(name)
        raise Contended

    def find(self, name: str) -> User | None:
        """The user, or None; `name` may be any text."""
        record = self._records.get(USERS + name) if is_name(name) else None
        return _user(record) if record else None

    def get(self, name: str) -> User:
        """The user. Raises NoSuchUser."""
        user = self.find(name)
        if user is None:
            raise _unknown(name)
        return user

    def admins(self) -> tuple[str, ...]:
        """The names of all who are admin and enabled."""
        record = self._records.get(ADMINS)
        return tuple(record.value["names"]) if record else ()

    def page(self, after: str = "", limit: int = 100) -> UserPage:
        """At most `limit` users by name, those after the name `after`."""
        page = self._records.scan(USERS, after=USERS + after if after else "", limit=limit)
        users = [_user(record) for record in page.records]
        return UserPage(users, users[-1].name if page.more and users else None)

    def grant(self, name: str, role: Role) -> User:
        """Grant a role; granting it twice changes nothing."""
        return self._change(name, lambda user: replace(user, roles=_ordered({*user.roles, role})))

    def revoke(self, name: str, role: Role) -> User:
        """Revoke a role and end the tokens that bear it; revoking one that the user lacks changes nothing.

        Raises LastAdmin.
        """

        def change(user: User) -> User:
            remaining = _ordered({*user.roles} - {role})
            return user if remaining == user.roles else replace(user, roles=remaining, stamp=_random())

        return self._change(name, change)

    def enable(self, name: str) -> User:
        """Let the user log in again."""
        return self._change(name, lambda user: replace(user, disabled=False))

    def disable(self, name: str) -> User:
        """Keep the user from logging in and end their logins. Raises LastAdmin."""
        return self._change(name, lambda user: user if user.disabled else replace(_logged_out(user), disabled=True))

    def set_password(self, name: str, password: str, *, any_password: bool = False) -> User:
        """Set a password and end the user's logins. Raises WeakPassword."""
        if not any_password:
            check_strength(password, name)
        self.get(name)  # before paying for the hash
        encoded = self._hash(password)
        return self._change(name, lambda user: replace(_logged_out(user), password=encoded))

    def log_out(self, name: str) -> User:
        """End all of the user's logins and access tokens, everywhere."""
        return self._change(name, _logged_out)

    def end_access_tokens(self, name: str) -> User:
        """End the user's access tokens; their logins go on, and get new ones."""
        return self._change(name, lambda user: replace(user, stamp=_random()))

    def remove(self, name: str) -> User:
        """Forget the user; the name is free again, and neither logins nor the id carry over. Raises LastAdmin."""
        return self._change(name, lambda user: None)

    def ended(self, stamp: str) -> Write:
        """What a transaction writes that ends all access tokens with a stamp."""
        return Write(ENDED + stamp, {}, self._ended_seconds)

    def _hash(self, password: str) -> str:
        with self._hashing.turn() as argon:
            return argon.hash(password)

    def _change(self, name: str, change: Callable[[User], User | None]) -> User:
        for _ in range(_TRIES):
            record = self._records.get(USERS + name) if is_name(name) else None
            if record is None:
                raise _unknown(name)
            old = _user(record)
            new = change(old)
            if new == old or self._commit(old, new, record.revision):
                return new or old
        raise Contended

    def _commit(self, old: User | None, new: User | None, revision: int) -> bool:
        """Write a user and, if it changes, the list of admins, in one transaction. False: another change came first."""
        name = next(user.name for user in (new, old) if user)
        expectations = [Expect(USERS + name, revision)]
        writes = [Write(USERS + name, _value(new) if new else None)]
        if old and (new is None or new.stamp != old.stamp):
            writes.append(self.ended(old.stamp))
        before, after = bool(old and old.administers), bool(new and new.administers)
        if before != after:
            admins = self._records.get(ADMINS)
            names = set(admins.value["names"]) if admins else set()
            names = names | {name} if after else names - {name}
            if not names:
                raise LastAdmin(f"{name!r} is the last enabled admin. Make somebody else admin first.")
            expectations.append(Expect(ADMINS, admins.revision if admins else 0))
            writes.append(Write(ADMINS, {"names": sorted(names)}))
        try:
            return not isinstance(self._records.transact(expectations, writes), Conflict)
        except Unknown:
            record = self._records.get(USERS + name)
            if (_user(record) if record else None) == new:
                return True
            raise


def _taken(name: str) -> UserExists:
    return UserExists(f"There is a user {name!r} already. Choose another name, or change that user.")


def _unknown(name: str) -> NoSuchUser:
    return NoSuchUser(f"There is no user {name[:80]!r}. List all with GET /v1/users or `fanfold users list`.")


def _ordered(roles: Iterable[Role]) -> tuple[Role, ...]:
    return tuple(sorted(set(roles), key=ROLES.index))


def _random() -> str:
    return secrets.token_hex(10)


def _logged_out(user: User) -> User:
    """The user with a new epoch and stamp, so that all refresh and access tokens end."""
    return replace(user, epoch=_random(), stamp=_random())


def _value(user: User) -> Value:
    return asdict(user) | {"roles": list(user.roles)}


def _user(record: Record) -> User:
    fields = dict(record.value)
    fields.setdefault("id", fields["name"])  # stored before there were ids
    fields.setdefault("stamp", fields["epoch"])
    return User(roles=_ordered(fields.pop("roles")), **fields)
