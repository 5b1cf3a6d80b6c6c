"""How often somebody may do something: so many times in a while, counted in records by all replicas together.

auth/allowances/HASH   {used}; expires with the while
"""

import hashlib
from dataclasses import dataclass

from fanfold_auth.refusals import Throttled
from fanfold_storage.records.protocol import Conflict, Expect, Records, Write

ALLOWANCES = "auth/allowances/"
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `most` times in `seconds`; `message` tells whoever wants more, who waits for at most that long."""

    records: Records
    purpose: str
    most: int
    seconds: float
    message: str

    def use(self, who: str) -> None:
        """Count one more. Raises Throttled: there were as many as are allowed."""
        key = self._key(who)
        for _ in range(_TRIES):
            record = self.records.get(key)
            used = record.value["used"] if record else 0
            if used >= self.most:
                break
            writes = [Write(key, {"used": used + 1}, self.seconds)]
            if not isinstance(self.records.transact([Expect(key, record.revision if record else 0)], writes), Conflict):
                return
        raise Throttled(f"{self.message} Try again in {self.seconds / 60:.0f} minutes.", retry_after=self.seconds)

    def give_back(self, who: str) -> None:
        """Count one less, since it was no guess after all."""
        key = self._key(who)
        for _ in range(_TRIES):
            record = self.records.get(key)
            if record is None:
                return
            fewer = record.value["used"] - 1
            write = Write(key, {"used": fewer}, self.seconds) if fewer > 0 else Write(key, None)
            if not isinstance(self.records.transact([Expect(key, record.revision)], [write]), Conflict):
                return

    def _key(self, who: str) -> str:
        return ALLOWANCES + hashlib.sha256(f"{self.purpose}\n{who}".encode()).hexdigest()
