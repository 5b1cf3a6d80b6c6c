"""Guessing made slow: each attempt on an account from one place is counted before its password is looked at.

    auth/attempts/HASH   {failed, not_before}; goes by itself when nobody tries for a while

The attempt is reserved by compare-and-set, so a thousand guesses sent at once count as a thousand. A few are free;
each one after that doubles the wait. Success gives its own attempt back. Only the pair of account and place waits, so
nobody can lock somebody else out from afar, and no account is ever locked for good.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass

from fanfold_auth.errors import Throttled
from fanfold_storage.records.protocol import Conflict, Expect, Records, Value, Write

ATTEMPTS = "auth/attempts/"
FREE = 5
LONGEST = 300.0
_FORGOTTEN_AFTER = 900.0
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was allowed; give it back when it succeeds."""

    key: str


class Throttle:
    """Counts attempts in records, so all replicas count together."""

    def __init__(self, records: Records, now: Callable[[], float] = time.time) -> None:
        self._records, self._now = records, now

    def reserve(self, name: str, source: str) -> Attempt:
        """Count an attempt on `name` from the address `source`. Raises Throttled."""
        key = ATTEMPTS + hashlib.sha256(f"{name}\n{_network(source)}".encode()).hexdigest()
        for _ in range(_TRIES):
            record = self._records.get(key)
            failed = record.value["failed"] if record else 0
            wait = record.value["not_before"] - self._now() if record else 0.0
            if wait > 0:
                raise Throttled(
                    f"Too many attempts to log in as {name!r}. Try again in {wait:.0f} s.", retry_after=wait
                )
            if self._store(key, record.revision if record else 0, failed + 1):
                return Attempt(key)
        raise Throttled(f"Too many attempts to log in as {name!r} at the same time. Try again in 1 s.", retry_after=1)

    def refund(self, attempt: Attempt) -> None:
        """The attempt succeeded: it doesn't count. Others that failed still do."""
        for _ in range(_TRIES):
            record = self._records.get(attempt.key)
            if record is None:
                return
            failed = max(0, record.value["failed"] - 1)
            value = {"failed": failed, "not_before": 0.0} if failed else None
            if self._write(attempt.key, record.revision, value):
                return

    def _store(self, key: str, revision: int, failed: int) -> bool:
        wait = min(LONGEST, 2.0 ** (failed - FREE)) if failed >= FREE else 0.0
        return self._write(key, revision, {"failed": failed, "not_before": self._now() + wait if wait else 0.0})

    def _write(self, key: str, revision: int, value: Value | None) -> bool:
        expires_in = None if value is None else _FORGOTTEN_AFTER
        return not isinstance(
            self._records.transact([Expect(key, revision)], [Write(key, value, expires_in)]), Conflict
        )


def _network(source: str) -> str:
    """One home or machine has a whole /64 of IPv6 addresses."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else source
