"""Pauses between tries, which get longer, and differ, so that replicas and keys don't come back at the same time."""

from random import SystemRandom

FIRST, LONGEST = 0.5, 30.0  # seconds


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, up to a limit, and somewhat less."""
    return jittered(min(LONGEST, FIRST * 2.0 ** min(failures - 1, 10)))


def jittered(seconds: float) -> float:
    """Somewhat less, at random."""
    return seconds * SystemRandom().uniform(0.5, 1.0)


def spread(seconds: float) -> float:
    """A fifth more or less, at random."""
    return seconds * SystemRandom().uniform(0.8, 1.2)
