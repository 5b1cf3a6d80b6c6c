"""How this process gets and returns memory: what costs more than it brings is done seldom."""

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGEST = 32 << 20  # no allocation below it gets a mapping of its own; glibc takes no more
_MOST_KEPT = 1 << 30
_SELDOM = (50_000, 50, 10)


def allocate_for_work(share: int) -> None:
    """Tune allocation for a process that does nothing but a job's tasks, in its share of memory.

    Getting new pages from the system is slow, so glibc keeps up to an eighth of the share when it is freed. Python
    looks for cycles of objects after some hundreds of new ones, and would find none in a million pairs, so it is made
    to look seldom.
    """
    gc.set_threshold(*_SELDOM)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, min(share // 8, _MOST_KEPT))
