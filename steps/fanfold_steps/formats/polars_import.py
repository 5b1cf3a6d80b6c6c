"""Polars, which holds frames: loaded only by jobs that need it, and missed with clear words."""

import os
from typing import TYPE_CHECKING

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.memory.process import lift_memory_limit
from fanfold_storage.extras import to_install

if TYPE_CHECKING:
    import types

THREADS = "POLARS_MAX_THREADS"
"""The variable that is set before Polars is first imported, by whomever: mostly to 1, since each core has a worker."""
ALLOCATOR = "_RJEM_MALLOC_CONF"
"""The variable in which Polars' allocator (jemalloc) finds its settings. The last ones count: a command that has
imported Polars hands its own settings down."""
_ONE_ARENA = "narenas:1"  # not one for each thread that ever frees something
_RETURNING = "dirty_decay_ms:100,muzzy_decay_ms:0"  # not keeping for seconds what was freed
_PLENTY = 512 << 20  # bytes of a share, with which what that saves isn't worth its time


def allocator_settings(share: int) -> str:
    """The settings for a worker of one thread with this share; by itself, it may take twice what frames need."""
    settings = [os.environ.get(ALLOCATOR), _ONE_ARENA, _RETURNING if share < _PLENTY else None]
    return ",".join(filter(None, settings))


def let_threads(count: int) -> None:
    """Let Polars have at least so many threads, if it isn't imported yet."""
    told = os.environ.get(THREADS, "")
    os.environ[THREADS] = str(max(count, int(told) if told.isdecimal() else 1))


def load_polars(what: str) -> "types.ModuleType":
    """Import Polars, which `what` needs, and lift the limit of memory (`limits` says why).

    Raises:
        PermanentFailure: it isn't there.
    """
    try:
        import polars
    except ImportError as error:
        mend = f"install it where the job runs: {to_install('batch')}"
        raise PermanentFailure("code", f"{what} need Polars, which can't be imported ({error}): {mend}") from error
    lift_memory_limit()
    return polars
