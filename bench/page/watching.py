"""The figures of a job of many tasks that is watched."""

from collections.abc import Iterator

from bench.page.words import Results, where


def watching(results: Results) -> Iterator[str]:
    """A table of questions, and what came of the events."""
    found = results.get("watching")
    if not found:
        return
    running, ended, events = found["pages"]["running"], found["pages"]["ended"], found["events"]
    yield f"## A job of {found['tasks']:,} tasks\n"
    yield "What is asked of it over HTTP, one request at a time, while its tasks are committed and once it has ended."
    yield f"The bench commits all of them within {found['seconds']} s (`bench/workloads/watching.py`). Medians, and"
    yield "what 99 % of the answers take at most, in milliseconds.\n"
    yield "| | while it runs | once it has ended |"
    yield "|---|---|---|"
    for what in running:
        cells = " | ".join(f"{one[what]['p50']}, {one[what]['p99']}" for one in (running, ended))
        yield f"| {what} | {cells} |"
    yield ""
    yield f"Meanwhile a follower of its events was told of {events['count']}, of {events['bytes']:,} bytes each, and of"
    yield f"{events['most_a_second']} within a second at most. Both services held {found['memory_mb']} MB at the end.\n"
    yield where(found)
