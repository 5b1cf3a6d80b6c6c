"""Slows down guessing: each attempt is counted before its password is checked, and refunded if it succeeds.

    auth/attempts/HASH   {failed, not_before}; expires when nobody tries for a while
    auth/known/HASH      a user has logged in from this address; expires after a month

Each attempt adds to four counters: of the account at this address, of the account from all addresses, of the address
on all accounts, and of the password on all accounts. A few failures are free; each further one doubles the wait. So it
doesn't help to guess often or from many addresses, nor to try one password on a thousand accounts.

Attempts are reserved by compare-and-set, so a thousand guesses sent at once count as a thousand. No account is ever
locked for good. A user at an address from which they have logged in before waits neither for the account's failures at
other addresses nor for the address's failures on other accounts. So strangers can't lock them out, even from behind the
same proxy. Passwords are only stored as keyed hashes (HMAC), whose key isn't in the records, so they can't be guessed
from there.
"""

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fanfold_auth.refusals import Throttled
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Write

ATTEMPTS = "auth/attempts/"
KNOWN = "auth/known/"
KNOWN_SECONDS = 30 * 86400.0
_FORGOTTEN_AFTER = 900.0
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, the longest wait after that in seconds, and the message for whoever has to wait."""

    free: int
    longest: float
    message: str


ACCOUNT_AND_ADDRESS = Limit(5, 300.0, "Too many attempts to log in as {name!r}.")
ACCOUNT = Limit(50, 60.0, "Too many attempts to log in as {name!r} from several addresses.")
ADDRESS = Limit(50, 60.0, "Too many failed logins from your address.")
PASSWORD = Limit(
    10, 300.0, "This password has been tried on several accounts. If it is yours, ask an administrator to change it."
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An allowed attempt, with the keys of its counters; refund it if it succeeds."""

    keys: tuple[str, ...]
    known_key: str


class Throttle:
    """Counts attempts in records, so all replicas count together."""

    def __init__(self, records: Records, secret: bytes, now: Callable[[], float] = time.time) -> None:
        """`secret` is the key under which passwords are hashed; all replicas have the same one."""
        self._records, self._secret, self._now = records, secret, now

    def reserve(self, name: str, password: str, source: str) -> Attempt:
        """Count an attempt on `name` with this password from the address `source`. Raises Throttled."""
        address = network(source)
        limits = {_key(name, address): ACCOUNT_AND_ADDRESS, self._password_key(password): PASSWORD}
        known_key = KNOWN + _hash(name, address)
        others = {_key("account", name, ""): ACCOUNT, _key("address", address, ""): ADDRESS}
        for _ in range(_TRIES):
            found = self._records.get_many([*limits, *others, known_key])
            counted = limits if known_key in found else limits | others
            records = {key: found.get(key) for key in counted}
            self._refuse_if_early(name, records, counted)
            if self._transact(records, [self._failure(key, record, counted[key]) for key, record in records.items()]):
                return Attempt(tuple(counted), known_key)
        raise Throttled(f"Too many attempts to log in as {name!r} at the same time. Try again in 1 s.", retry_after=1)

    def refund(self, attempt: Attempt, beside: Sequence[Write] = ()) -> None:
        """Stop counting an attempt that succeeded, and remember from where. Failed ones still count.

        `beside` is what the attempt was for, and is written in the same transaction.
        """
        for _ in range(_TRIES):
            found = self._records.get_many([*attempt.keys, attempt.known_key])
            records = {key: found[key] for key in attempt.keys if key in found}
            writes = [_without_one(record) for record in records.values()]
            if attempt.known_key not in found:
                writes.append(Write(attempt.known_key, {}, KNOWN_SECONDS))
            if self._transact(records, [*writes, *beside]):
                return
        if beside:
            self._records.transact([], beside)

    def _refuse_if_early(self, name: str, records: dict[str, Record | None], limits: dict[str, Limit]) -> None:
        waits = {key: record.value["not_before"] - self._now() for key, record in records.items() if record}
        longest = max(waits, key=waits.__getitem__, default="")
        if longest and waits[longest] > 0:
            message, wait = limits[longest].message.format(name=name), waits[longest]
            raise Throttled(f"{message} Try again in {wait:.0f} s.", retry_after=wait)

    def _failure(self, key: str, record: Record | None, limit: Limit) -> Write:
        """One more failure on a counter. Once the free ones are used up, attempts have to wait for 1, 2, 4 … s."""
        failed = (record.value["failed"] if record else 0) + 1
        wait = min(limit.longest, 2.0 ** (failed - limit.free)) if failed >= limit.free else 0.0
        value = {"failed": failed, "not_before": self._now() + wait if wait else 0.0}
        return Write(key, value, _FORGOTTEN_AFTER)

    def _transact(self, records: dict[str, Record] | dict[str, Record | None], writes: list[Write]) -> bool:
        """Write unless a record has changed since it was read; returns whether it was written."""
        expectations = [Expect(key, record.revision if record else 0) for key, record in records.items()]
        return not isinstance(self._records.transact(expectations, writes), Conflict)

    def _password_key(self, password: str) -> str:
        return ATTEMPTS + hmac.digest(self._secret, password.encode(), "sha256").hex()


def _without_one(record: Record) -> Write:
    """One failure less on a counter, which nobody has to wait for then; the last one removes it."""
    failed = record.value["failed"] - 1
    if failed <= 0:
        return Write(record.key, None)
    return Write(record.key, {"failed": failed, "not_before": 0.0}, _FORGOTTEN_AFTER)


def _key(*parts: str) -> str:
    return ATTEMPTS + _hash(*parts)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def network(source: str) -> str:
    """The /64 of an IPv6 address, since one household or machine has all of it; any other address as it is."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else source
