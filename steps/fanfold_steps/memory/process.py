"""Limits of the process, so that code that takes too much gets a MemoryError before the machine runs out."""

import sys

if sys.platform != "win32":  # where jobs are submitted, but no worker runs
    import resource

SMALLEST = 1 << 30  # libraries take address space that they may never use
_is_limited = False


def is_worker() -> bool:
    """Whether this process is a worker, whose libraries may be set up for its work, and not one that reads results."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "fanfold_steps.__main__"


def memory_advice() -> str:
    """What to do about a MemoryError, in words."""
    if sys.platform == "win32":
        return "hold less at a time"
    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    share = "its share" if most == resource.RLIM_INFINITY else f"{most >> 20:,} MiB"
    return f"a worker may take {share}, so hold less at a time, or take fewer workers or more --memory"


def limit_memory(share: int) -> None:
    """Let this process get twice its share of memory, but at least 1 GiB: beyond that it gets MemoryError."""
    global _is_limited
    wanted = min(max(SMALLEST, 2 * share), sys.maxsize)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
        _is_limited = True


def lift_memory_limit() -> None:
    """Undo `limit_memory`, for libraries that abort or hang when they get none: Polars reserves several times what it
    uses. A limit that others have set, such as that of a user's notebook, stays.
    """
    if not _is_limited:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
