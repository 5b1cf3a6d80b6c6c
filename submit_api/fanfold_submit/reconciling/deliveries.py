"""Sends the messages of the outbox until each was taken, or given up after a day.

Any replica may send a message. It first writes down that it does, which keeps the others from it for a while; then it
sends, and writes down what came of it. A crash in between costs another attempt, so a message arrives at least once.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import SystemRandom

from fanfold_storage.records import Conflict, Expect, Records, Write
from fanfold_submit.jobs.job import Notified
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.meters import Meters
from fanfold_submit.webhooks.outbox import MESSAGES, Message
from fanfold_submit.webhooks.secrets import Secrets
from fanfold_submit.webhooks.sending import TIMEOUT, NotDelivered, send
from fanfold_submit.webhooks.signing import signed
from fanfold_submit.webhooks.targets import InvalidTarget, TargetNotAllowed, Targets
from fanfold_web.clock import timestamp
from fanfold_web.log import logger

log = logger("fanfold_submit")
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 28800.0)  # seconds between attempts
CLAIM = 4 * TIMEOUT  # seconds for which a message is the replica's that sends it
EACH = 2  # messages of one owner that are sent at once
BUSY = 1.0  # seconds until a message has its turn again whose owner's others are being sent
LONGEST = 300.0  # seconds until a message is looked at again
_OUTCOMES = {"delivered": "delivered", "waiting": "repeated", "failed": "abandoned"}
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Sends messages, and tells in the job's record what became of them."""

    records: Records
    jobs: JobRecords
    targets: Targets
    secrets: Secrets
    meters: Meters
    now: Callable[[], float]
    _sending: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(self, message_id: str) -> float | None:
        """Send the message if that is due. Return the seconds until the next look; None: there is nothing left to do.

        Raises StorageError, Contended.
        """
        record = self.records.get(MESSAGES + message_id)
        if record is None:
            return None
        message = Message.model_validate(record.value)
        if message.due > (now := self.now()):
            return min(LONGEST, message.due - now)
        if not self._enter(message.owner_id):
            return BUSY
        try:
            claimed = message.model_copy(update={"attempts": message.attempts + 1, "due": now + CLAIM})
            answer = self.records.transact([Expect(record.key, record.revision)], [claimed.write()])
            if isinstance(answer, Conflict):
                return 0.0
            return self._settle(claimed, answer, self._send(claimed))
        finally:
            self._leave(message.owner_id)

    def _send(self, message: Message) -> str | None:
        """Send the message; return why it wasn't taken."""
        body = message.body.encode()
        headers = {"Content-Type": "application/json", "User-Agent": "fanfold-webhooks"}
        try:
            target = self.targets.check(message.url)
            keys = self.secrets.signing(message.owner_id)
            send(target, self.targets.address(target), body, headers | signed(message.id, body, self.now(), keys))
        except (InvalidTarget, TargetNotAllowed, NotDelivered) as error:
            return str(error)
        except OSError as error:  # the host has no address
            return f"its host can't be found: {error.strerror or error}"
        return None

    def _settle(self, message: Message, revision: int, error: str | None) -> float | None:
        """Write down what came of an attempt: the message goes if it was taken, or has been tried often enough."""
        now = self.now()
        again = None if error is None or message.attempts > len(PAUSES) else PAUSES[message.attempts - 1]
        if again is not None:
            again *= SystemRandom().uniform(0.8, 1.2)
        elif error is not None:
            log.warning("message %s of %s is given up: %s", message.id, message.owner_id, error)
        state = "delivered" if error is None else "failed" if again is None else "waiting"
        notified = Notified.model_validate(
            {"state": state, "attempts": message.attempts, "at": timestamp(now), "error": error}
        )
        later = message.model_copy(update={"due": now + (again or 0.0)})
        write = later.write() if again is not None else Write(message.key, None)
        for _ in range(_TRIES):
            expects, writes = self._in_job(message, notified)
            if not isinstance(
                self.records.transact([Expect(message.key, revision), *expects], [write, *writes]), Conflict
            ):
                self.meters.messages.labels(_OUTCOMES[notified.state]).inc()
                return again
        return 0.0  # another replica has taken the message meanwhile, since this one took too long

    def _in_job(self, message: Message, notified: Notified) -> tuple[list[Expect], list[Write]]:
        """What changes in the record of the message's job, if it has one."""
        current = self.jobs.find(message.job) if message.job else None
        if current is None:
            return [], []
        expect, write = current.write(current.job.model_copy(update={"notified": notified}))
        return [expect], [write]

    def _enter(self, owner_id: str) -> bool:
        with self._lock:
            if self._sending[owner_id] >= EACH:
                return False
            self._sending[owner_id] += 1
            return True

    def _leave(self, owner_id: str) -> None:
        with self._lock:
            self._sending[owner_id] -= 1
            if not self._sending[owner_id]:
                del self._sending[owner_id]
