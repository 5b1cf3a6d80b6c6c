"""Run until somebody stops the command: Ctrl-C, a signal to end, or a terminal that is closed."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Those of them that the system has."""
LOOK = 0.5  # seconds: Windows doesn't interrupt a sleep, so it must end by itself


@contextmanager
def until_stopped() -> Iterator[Callable[[], None]]:
    """Yields a function that returns once the process is asked to stop.

    Outside that function, the first signal raises KeyboardInterrupt, so that what was begun is ended; the next ones
    don't interrupt that.
    """
    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]

    def on_signal(number: int, frame: Any) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    def wait() -> None:
        try:
            while True:
                time.sleep(LOOK)
        except KeyboardInterrupt:
            return

    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
