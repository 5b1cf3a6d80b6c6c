"""Limits: how much the user's code may take before it is told, with its own traceback, instead of the whole machine."""

import resource

SMALLEST = 1 << 30  # libraries take address space that they may never use


def memory_told() -> str:
    """What somebody who gets MemoryError may do."""
    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    share = "its share" if most == resource.RLIM_INFINITY else f"{most >> 20:,} MiB"
    return f"a worker may take {share}, so hold less at a time, or take fewer workers or more --memory"


def limit_memory(share: int) -> None:
    """Let this process get twice its share of memory, but at least 1 GiB: beyond that it gets MemoryError."""
    wanted = max(SMALLEST, 2 * share)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def lift_memory_limit() -> None:
    """Let this process get what there is: a library that aborts, or waits for ever, where it gets none can't be told.

    Polars reserves several times of what it uses.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
