"""Access tokens that have ended before they expire, for services that verify tokens offline.

A token bears its user's stamp. When the user is disabled, demoted or removed, or gets a new password, the stamp is
replaced, and the old one is listed until its last token has expired. `fanfold_auth.accounts.users` writes the list.
One that an API token was exchanged for also bears that one's stamp, which is listed when it is revoked.
"""

import threading
import time
from collections.abc import Callable

from fanfold_auth.accounts.users import ENDED
from fanfold_storage.errors import Compacted, Unavailable
from fanfold_storage.records import Records, scan_all

_MAX_AGE = 5.0  # seconds for which a replica uses the list that it read


class EndedTokens:
    """The stamps of ended tokens, as one replica sees them."""

    def __init__(self, records: Records, now: Callable[[], float] = time.time) -> None:
        self._records, self._now = records, now
        self._lock = threading.Lock()
        self._stamps: list[str] = []
        self._read_at = float("-inf")

    def has_ended(self, stamp: str) -> bool:
        """Whether tokens with a stamp have ended by now, as the store knows it."""
        return self._records.get(ENDED + stamp) is not None

    def stamps(self) -> list[str]:
        """All of them; while the store is unavailable, those read last. Raises StorageError if none were ever read."""
        with self._lock:
            if not 0 <= self._now() - self._read_at < _MAX_AGE:
                try:
                    ended = scan_all(self._records, ENDED)
                    self._stamps = [record.key.removeprefix(ENDED) for record in ended.records]
                except (Compacted, Unavailable):
                    if self._read_at == float("-inf"):
                        raise
                self._read_at = self._now()
            return self._stamps
