"""How this process gets and gives back memory: it keeps some of what it freed, since a page that the system hands out
anew costs more than most of what is done with it."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGEST = 32 << 20  # no allocation below it gets a mapping of its own; glibc takes no more
_MOST_KEPT = 1 << 30


def keep_freed(share: int) -> None:
    """Keep up to an eighth of this process's share of memory. Where the C library isn't glibc, nothing changes."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, min(share // 8, _MOST_KEPT))
