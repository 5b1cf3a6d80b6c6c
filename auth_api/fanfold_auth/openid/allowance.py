"""How often somebody may do something: so many times in a while, counted in records by all replicas together.

auth/allowances/HASH   {used, since}; expires when the while is over that began at `since`
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from fanfold_auth.refusals import Throttled
from fanfold_auth.tokens.opaque import hashed
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Write

ALLOWANCES = "auth/allowances/"
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `most` times in `seconds`, from the first time on; `message` tells whoever wants more."""

    records: Records
    purpose: str
    most: int
    seconds: float
    message: str
    now: Callable[[], float] = time.time

    def use(self, who: str) -> None:
        """Count one more. Raises Throttled: there were as many as are allowed."""
        key = self._key(who)
        for _ in range(_TRIES):
            record = self.records.get(key)
            used, since = self._counted(record)
            if used >= self.most:
                left = max(1.0, since + self.seconds - self.now())
                raise Throttled(f"{self.message} Try again in {left:.0f} s.", retry_after=left)
            if self._store(key, used + 1, since, record):
                return
        raise Throttled(f"{self.message} Try again in 1 s.", retry_after=1)

    def give_back(self, who: str) -> None:
        """Count one less, since it was no guess after all."""
        key = self._key(who)
        for _ in range(_TRIES):
            record = self.records.get(key)
            used, since = self._counted(record)
            if not used or self._store(key, used - 1, since, record):
                return

    def _counted(self, record: Record | None) -> tuple[int, float]:
        """How often, and since when; nothing since now, if the while is over."""
        now = self.now()
        since = record.value.get("since", now) if record else now  # older versions stored no beginning
        return (record.value["used"], since) if record and abs(now - since) < self.seconds else (0, now)

    def _store(self, key: str, used: int, since: float, before: Record | None) -> bool:
        left = max(2.0, since + self.seconds - self.now())
        write = Write(key, {"used": used, "since": since}, left) if used else Write(key, None)
        expected = Expect(key, before.revision if before else 0)
        return not isinstance(self.records.transact([expected], [write]), Conflict)

    def _key(self, who: str) -> str:
        return ALLOWANCES + hashed(f"{self.purpose}\n{who}")
