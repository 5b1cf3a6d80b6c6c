"""Users as records, without HTTP: names, roles, passwords, and who may administer.

    auth/users/NAME   the user
    auth/admins       {"names": [...]}: everyone who is admin and enabled

Each change is one compare-and-set transaction on the user's record, and on `auth/admins` too when it makes or unmakes
an admin. So two admins who demote each other at the same moment meet on that record, and the second is refused.

A user has an `epoch`, drawn anew with each password and each disabling; a refresh family remembers the epoch it began
in and dies when it differs. That ends every login in the same transaction, without looking for them.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from fanfold_auth.errors import BadName, Contended, LastAdmin, NoSuchUser, UserExists
from fanfold_auth.passwords import Hashing, check_strength
from fanfold_storage.errors import Unknown
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Value, Write

Role = Literal["viewer", "submitter", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what the ones before it may

NAME_PATTERN = "[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?"  # a user's name is a Kubernetes label value too
_NAME = re.compile(NAME_PATTERN)

USERS = "auth/users/"
ADMINS = "auth/admins"
_TRIES = 50  # each lost one means that another change went through


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in."""

    name: str
    roles: tuple[Role, ...]
    disabled: bool
    created: float
    epoch: str
    password: str  # its argon2id hash

    @property
    def administers(self) -> bool:
        """Whether this user counts as an admin that is able to act."""
        return "admin" in self.roles and not self.disabled


@dataclass(frozen=True, slots=True)
class UserPage:
    """Part of the list of users; `after` continues it, None at the end."""

    users: list[User]
    after: str | None


class Users:
    """The users in a store of records."""

    def __init__(self, records: Records, hashing: Hashing | None = None, now: Callable[[], float] = time.time) -> None:
        self._records = records
        self._hashing = hashing or Hashing()
        self._now = now

    def create(self, name: str, password: str, roles: Sequence[Role], *, any_password: bool = False) -> User:
        """Add a user; `any_password` skips the rules, for a demo. Raises BadName, WeakPassword, UserExists."""
        if not _NAME.fullmatch(name):
            raise BadName(
                f"{name[:80]!r} is not a user name: use 1 to 63 of a-z, 0-9, '.', '_' and '-', "
                "with a letter or digit at both ends."
            )
        if not any_password:
            check_strength(password, name)
        if self._records.get(USERS + name):  # saves the hash; the transaction below is what decides
            raise _taken(name)
        user = User(name, _ordered(roles), False, self._now(), _epoch(), self._hash(password))
        for _ in range(_TRIES):
            if self._commit(None, user, 0):
                return user
            if self._records.get(USERS + name):
                raise _taken(name)
        raise Contended

    def find(self, name: str) -> User | None:
        """The user, or None; any text may be asked for."""
        record = self._records.get(USERS + name) if _NAME.fullmatch(name) else None
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
        """Give a role; giving it twice changes nothing."""
        return self._change(name, lambda user: replace(user, roles=_ordered({*user.roles, role})))

    def revoke(self, name: str, role: Role) -> User:
        """Take a role; taking what isn't there changes nothing. Raises LastAdmin."""
        return self._change(name, lambda user: replace(user, roles=_ordered({*user.roles} - {role})))

    def enable(self, name: str) -> User:
        """Let the user log in again."""
        return self._change(name, lambda user: replace(user, disabled=False))

    def disable(self, name: str) -> User:
        """Keep the user from logging in and end their logins. Raises LastAdmin."""
        return self._change(name, lambda user: user if user.disabled else replace(user, disabled=True, epoch=_epoch()))

    def set_password(self, name: str, password: str, *, any_password: bool = False) -> User:
        """Set a password and end the user's logins. Raises WeakPassword."""
        if not any_password:
            check_strength(password, name)
        self.get(name)  # before the hash is paid for
        encoded = self._hash(password)
        return self._change(name, lambda user: replace(user, password=encoded, epoch=_epoch()))

    def remove(self, name: str) -> None:
        """Forget the user; the name is free again, and old logins don't carry over. Raises LastAdmin."""
        self._change(name, lambda user: None)

    def _hash(self, password: str) -> str:
        with self._hashing.turn() as argon:
            return argon.hash(password)

    def _change(self, name: str, change: Callable[[User], User | None]) -> User:
        for _ in range(_TRIES):
            record = self._records.get(USERS + name) if _NAME.fullmatch(name) else None
            if record is None:
                raise _unknown(name)
            old = _user(record)
            new = change(old)
            if new == old or self._commit(old, new, record.revision):
                return new or old
        raise Contended

    def _commit(self, old: User | None, new: User | None, revision: int) -> bool:
        """Write a user and, where it matters, the admins, in one transaction. False: somebody was faster."""
        name = next(user.name for user in (new, old) if user)
        expectations = [Expect(USERS + name, revision)]
        writes = [Write(USERS + name, _value(new) if new else None)]
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


def _epoch() -> str:
    return secrets.token_hex(8)


def _value(user: User) -> Value:
    return asdict(user) | {"roles": list(user.roles)}


def _user(record: Record) -> User:
    fields = dict(record.value)
    return User(roles=_ordered(fields.pop("roles")), **fields)
