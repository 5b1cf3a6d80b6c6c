"""Delegations: what lets a service act for a user when nobody is logged in, such as a schedule at night.

A user's service asks for one with the user's access token, says what for, and keeps it. Exchanging it (RFC 8693) yields
an access token with the roles of that moment, for an audience that no route accepts (`delegated_audience`). So it says
who its user is now, and opens nothing else.

    auth/delegations/USER_ID/ID   {user, purpose, hash, created, via}

A delegation is `USER_ID:ID:SECRET`, with 256 random bits; only the SHA-256 of it is stored. It lasts until it is
revoked or its user is removed. While the user is disabled, it yields nothing. A new password doesn't end it: nightly
jobs go on when their owner's password changes. One that was requested with an API token ends with that: `via` is its
stamp.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from fanfold_auth.accounts.users import User, Users
from fanfold_auth.refusals import InvalidGrant, NoSuchDelegation, TooManyDelegations
from fanfold_auth.stored import known
from fanfold_auth.tokens.api_tokens import ApiTokens
from fanfold_auth.tokens.opaque import RANDOM, hashed, matches, new_secret
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Write
from fanfold_web.refusals import Contended
from fanfold_web.tokens.authorization import NAME_PATTERN

DELEGATIONS = "auth/delegations/"
MOST = 200  # of one user
_TOKEN = re.compile(rf"({NAME_PATTERN}):([0-9a-f]{{20}}):{RANDOM}")
_ID = re.compile("[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a user has allowed a service to do for them."""

    id: str
    user: str
    purpose: str
    hash: str
    created: float
    via: str = ""


class Delegations:
    """The delegations in a store of records."""

    def __init__(
        self, records: Records, users: Users, api_tokens: ApiTokens, now: Callable[[], float] = time.time
    ) -> None:
        self._records, self._users, self._api_tokens, self._now = records, users, api_tokens, now

    def start(self, user: User, purpose: str, via: str = "") -> tuple[Delegation, str]:
        """A new delegation, and the token that stands for it and is never shown again.

        `via` is the stamp of the API token that it is requested with, if it is. Raises TooManyDelegations.
        """
        if len(self.of(user)) >= MOST:
            raise TooManyDelegations(
                f"{user.name!r} has {MOST} delegations, the most that are kept: revoke one with "
                "DELETE /v1/delegations/ID."
            )
        name = secrets.token_hex(10)
        token = f"{user.id}:{name}:{new_secret()}"
        delegation = Delegation(name, user.name, purpose, hashed(token), self._now(), via)
        # Without an empty `via`: replicas of the version before stumble over fields that they don't know.
        value = {field: content for field, content in asdict(delegation).items() if field != "id" and content}
        key = _key(user.id, name)
        if isinstance(self._records.transact([Expect(key, 0)], [Write(key, value)]), Conflict):
            raise Contended  # the same 80 random bits twice: practically impossible
        return delegation, token

    def redeem(self, token: str) -> User:
        """The user as stored now. Raises InvalidGrant: the delegation, or its user, is not valid any more."""
        record = self._find(token)
        user = self._users.find(record.value["user"]) if record else None
        if record is None or user is None or not record.key.startswith(_key(user.id, "")):
            if record:
                self._records.transact([], [Write(record.key, None)])
            raise InvalidGrant("The delegation is unknown or was revoked, or its user was removed.")
        if record.value.get("via") and not self._api_tokens.is_alive(user, record.value["via"]):
            self._records.transact([], [Write(record.key, None)])
            raise InvalidGrant("The API token that the delegation was requested with was revoked, or has expired.")
        if user.disabled:
            raise InvalidGrant(f"The user {user.name!r} is disabled. Ask an administrator.")
        return user

    def of(self, user: User) -> list[Delegation]:
        """All delegations of a user, at most MOST."""
        page = self._records.scan(_key(user.id, ""), limit=MOST)
        return [known(Delegation, record.value, id=record.key.rpartition("/")[2]) for record in page.records]

    def end(self, user: User, delegation_id: str) -> None:
        """End one of a user's delegations. Raises NoSuchDelegation."""
        record = self._records.get(_key(user.id, delegation_id)) if _ID.fullmatch(delegation_id) else None
        if record is None:
            raise NoSuchDelegation(
                f"There is no delegation {delegation_id[:40]!r} of yours. List yours with GET /v1/delegations."
            )
        self._records.transact([], [Write(record.key, None)])

    def revoke(self, token: str) -> None:
        """End the delegation that a token stands for. An unknown token needs no revoking (RFC 7009 §2.2)."""
        if record := self._find(token):
            self._records.transact([], [Write(record.key, None)])

    def _find(self, token: str) -> Record | None:
        match = _TOKEN.fullmatch(token)
        record = self._records.get(_key(match[1], match[3])) if match else None
        return record if record and matches(record.value["hash"], token) else None


def _key(user_id: str, name: str) -> str:
    return f"{DELEGATIONS}{user_id}/{name}"
