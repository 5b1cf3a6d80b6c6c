"""How this process gets and gives back memory: what costs more than most of what is done with it, it does seldom."""

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGEST = 32 << 20  # no allocation below it gets a mapping of its own; glibc takes no more
_MOST_KEPT = 1 << 30
_SELDOM = (50_000, 50, 10)


def allocate_for_work(share: int) -> None:
    """Settle it for a process that does nothing but a job's tasks, in its share of memory.

    Pages that the system hands out anew are dear: up to an eighth of the share is kept when it is freed, where the C
    library is glibc. And Python looks for circles of objects after some hundreds of new ones: it would find none in a
    million pairs.
    """
    gc.set_threshold(*_SELDOM)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, min(share // 8, _MOST_KEPT))
