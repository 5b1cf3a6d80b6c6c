"""The secrets that sign messages, one for each user, shown once when it is made.

submit/webhook-secrets/OWNER    {current, created, previous, until}

OWNER is a user's id. A new secret replaces the old one, which signs, too, for a day: whoever verifies messages has that
long to change it. A user whose messages are to be signed before they have asked for a secret gets one nobody knows.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from fanfold_storage.records import Conflict, Expect, Records, Write
from fanfold_submit.webhooks.signing import new_secret
from fanfold_web.refusals import Contended

SECRETS = "submit/webhook-secrets/"
OVERLAP = 86400.0  # seconds for which a secret that was replaced signs, too
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Secret:
    """A user's secret, and the one before it."""

    current: str
    created: float | None  # when the user asked for it
    previous: str | None = None
    until: float = 0.0


class Secrets:
    """The secrets of all users."""

    def __init__(self, records: Records, now: Callable[[], float] = time.time) -> None:
        self._records, self._now = records, now

    def created(self, owner_id: str) -> float | None:
        """When the user asked for the secret that signs now; None: they haven't."""
        record = self._records.get(SECRETS + owner_id)
        return Secret(**record.value).created if record else None

    def replace(self, owner_id: str) -> Secret:
        """Make a new secret. Raises Contended."""
        now = self._now()

        def replaced(old: Secret | None) -> Secret:
            if old is None or old.created is None:
                return Secret(new_secret(), now)
            return Secret(new_secret(), now, old.current, now + OVERLAP)

        return self._change(owner_id, replaced)

    def remove(self, owner_id: str) -> None:
        """Forget the secrets of a user who was removed."""
        self._records.transact([], [Write(SECRETS + owner_id, None)])

    def signing(self, owner_id: str) -> Sequence[str]:
        """The secrets that sign a user's messages now, the current one first. Raises Contended."""
        secret = self._change(owner_id, lambda old: old or Secret(new_secret(), None))
        return [secret.current, *([secret.previous] if secret.previous and self._now() < secret.until else [])]

    def _change(self, owner_id: str, change: Callable[[Secret | None], Secret]) -> Secret:
        key = SECRETS + owner_id
        for _ in range(_TRIES):
            record = self._records.get(key)
            old = Secret(**record.value) if record else None
            new = change(old)
            if new == old:
                return new
            expect = Expect.as_read(key, record)
            if not isinstance(self._records.transact([expect], [Write(key, asdict(new))]), Conflict):
                return new
        raise Contended
