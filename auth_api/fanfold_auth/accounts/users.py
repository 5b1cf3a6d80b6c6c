"""Users as records, without HTTP: names, roles, passwords, and who may administer.

    auth/users/NAME          the user
    auth/groups/GROUP/NAME   the user is in the group (`fanfold_auth.accounts.groups`)
    auth/admins              {"names": [...]}: everyone who is admin and enabled
    auth/ended/STAMP         the stamp of access tokens that have ended; expires with them
    auth/schema              in which version users are written (`fanfold_auth.accounts.schema`)

Each change is one compare-and-set transaction on the user's record, and on `auth/admins` too if it adds or removes an
admin. So if two admins demote each other at the same moment, they conflict on that record and the second is refused.

Files and jobs belong to a user's `id`, which is random and never reused; the name is free once its user is removed.
Users who were stored before there were ids have their name as their id, since their files and jobs are stored under it.

A user has an `epoch`, replaced by a random one whenever the password is set or the user is disabled. A refresh family
remembers the epoch in which it began and ends when the user's differs, so one transaction ends every login. A `stamp`
does the same for access tokens. It is also replaced when a role is revoked, or the user leaves a group, and the old one
is listed as ended until the tokens that bear it have expired.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from fanfold_auth.accounts import groups
from fanfold_auth.accounts.passwords import Hashing, check_strength
from fanfold_auth.accounts.schema import VERSION, Schema
from fanfold_auth.refusals import BadName, InvalidGroup, LastAdmin, NoSuchUser, OldRecords, TooManyGroups, UserExists
from fanfold_auth.stored import known
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
    groups: tuple[str, ...] = ()

    @property
    def administers(self) -> bool:
        """Whether this user is an admin who is able to act."""
        return "admin" in self.roles and not self.disabled

    @property
    def claimed_groups(self) -> list[str]:
        """What a token says of groups: the roles, for verifiers that know groups alone, and then the groups."""
        return [*self.roles, *self.groups]


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
            if self._commit(None, user, None):
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

    def join(self, name: str, group: str) -> User:
        """Put the user into a group; once more changes nothing. Raises InvalidGroup, TooManyGroups, OldRecords."""
        if not is_name(group) or group in ROLES:
            raise InvalidGroup(
                f"{group[:80]!r} is not a group's name: use 1 to 63 of a-z, 0-9, '.', '_' and '-', with a letter or "
                f"digit at both ends; and not that of a role ({', '.join(ROLES)})."
            )

        def change(user: User) -> User:
            joined = tuple(sorted({*user.groups, group}))
            if len(joined) > groups.MOST_GROUPS:
                raise TooManyGroups(f"{name!r} is in {groups.MOST_GROUPS} groups, as many as a token can name.")
            return replace(user, groups=joined)

        return self._change(name, change)

    def leave(self, name: str, group: str) -> User:
        """Take the user out of a group, and end the tokens that name it; one who isn't in it stays as they are."""

        def change(user: User) -> User:
            rest = tuple(other for other in user.groups if other != group)
            return user if rest == user.groups else replace(user, groups=rest, stamp=_random())

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

    def rewrite(self, name: str) -> bool:
        """Bring the user's record to the newest version; False if it is of that already, or gone."""
        for _ in range(_TRIES):
            record = self._records.get(USERS + name)
            if record is None or record.value.get("version", 1) >= VERSION:
                return False
            user = _user(record)
            if self._commit(user, user, record):
                return True
        raise Contended

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
            if new == old or self._commit(old, new, record):
                return new or old
        raise Contended

    def _commit(self, old: User | None, new: User | None, record: Record | None) -> bool:
        """Write a user and, if it changes, the list of admins, in one transaction. False: another change came first."""
        name = next(user.name for user in (new, old) if user)
        schema, is_first = Schema.read(self._records), False
        if not schema.revision and old is None:
            is_first = not self._records.scan(USERS, limit=1).records
        version = VERSION if is_first else schema.version
        expectations = [Expect(USERS + name, record.revision if record else 0), schema.expectation]
        writes = [Write(USERS + name, _value(new, version, record) if new else None)]
        writes += groups.changes(name, old.groups if old else (), new.groups if new else ())
        writes += [schema.raised()] if is_first else []
        if old and (new is None or new.stamp != old.stamp):
            writes.append(self.ended(old.stamp))
        before, after = bool(old and old.administers), bool(new and new.administers)
        if before != after:
            expected, admins = self._admins_with(name) if after else self._admins_without(name)
            expectations.append(expected)
            writes.append(admins)
        try:
            return not isinstance(self._records.transact(expectations, writes), Conflict)
        except Unknown:
            found = self._records.get(USERS + name)
            if (_user(found) if found else None) == new:
                return True
            raise

    def _admins_with(self, name: str) -> tuple[Expect, Write]:
        """How the list of admins changes when one is added."""
        record = self._records.get(ADMINS)
        names = {*record.value["names"], name} if record else {name}
        return Expect(ADMINS, record.revision if record else 0), Write(ADMINS, {"names": sorted(names)})

    def _admins_without(self, name: str) -> tuple[Expect, Write]:
        """How it changes when one is removed. Raises LastAdmin."""
        record = self._records.get(ADMINS)
        names = {*record.value["names"]} - {name} if record else set()
        if not names:
            raise LastAdmin(f"{name!r} is the last enabled admin. Make somebody else admin first.")
        return Expect(ADMINS, record.revision if record else 0), Write(ADMINS, {"names": sorted(names)})


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


def _value(user: User, version: int, record: Record | None) -> Value:
    """A user's record in a version. What a newer version has written into it, which this one doesn't know, stays.

    Raises OldRecords: the version can't hold the user.
    """
    value = asdict(user) | {"roles": list(user.roles), "groups": list(user.groups)}
    if version < 2:
        if value.pop("groups"):
            raise OldRecords
        return value
    before = record.value if record else {}
    return {**before, **value, "version": max(version, before.get("version", 1))}


def _user(record: Record) -> User:
    """A user of any version."""
    value = record.value
    oldest = {"id": value["name"], "stamp": value["epoch"]}  # stored before there were ids
    return known(User, oldest | value, roles=_ordered(value["roles"]))
