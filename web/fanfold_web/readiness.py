"""Whether a service can serve: what `/readyz` asks."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger  # fanfold_web.log imports it, without rich

VALID_SECONDS = 5.0  # for which a success counts, so that frequent readiness requests don't become frequent writes


def failing(
    checks: Mapping[str, Callable[[], object]], errors: tuple[type[Exception], ...], log: "BoundLogger"
) -> Iterator[str]:
    """The names of the checks that raise one of the errors, in order; the log says why."""
    for what, check in checks.items():
        try:
            check()
        except errors as error:
            log.warning("not ready, %s: %s", what, error)
            yield what


class WriteProbe:
    """Whether a store accepts writes. That has to be tried, since a full disk or database still answers reads.

    `write` is a small write to the store; thread-safe.
    """

    def __init__(self, write: Callable[[], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._succeeded = float("-inf")

    def check(self) -> None:
        """Write, unless a write has succeeded in the last VALID_SECONDS. Raises what the write raises."""
        with self._lock:
            if time.monotonic() - self._succeeded >= VALID_SECONDS:
                self._write()
                self._succeeded = time.monotonic()
