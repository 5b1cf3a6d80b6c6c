"""The figures of lists of jobs: how long pages take among few and many, and memory."""

from collections.abc import Iterator

from bench.page.words import Results, where


def lists(results: Results) -> Iterator[str]:
    """A table of pages, and one of memory."""
    found = results.get("lists")
    if not found:
        return
    few, many = map(str, found["jobs"])
    http, etcd = found["http"], found["etcd"][many]
    yield f"## Lists of {int(many):,} jobs\n"
    yield f"A page of {found['items']} jobs, among jobs of one owner that are stored as the service stores them"
    yield "(`bench/workloads/lists.py`): over HTTP from `fanfold up` with SQLite, one request at a time; and read"
    yield "directly from an etcd of one member. Medians, and what 99 % of the pages take at most.\n"
    yield f"| jobs | among {int(few):,} | among {int(many):,} | from etcd |"
    yield "|---|---|---|---|"
    for what in etcd:
        cells = (f"{took['p50']}, {took['p99']} ms" for took in (http[few][what], http[many][what], etcd[what]))
        yield f"| {what} | {' | '.join(cells)} |"
    yield ""
    yield (
        "Both services hold "
        + " and ".join(
            f"{megabytes} MB with {int(count):,} jobs" for count, megabytes in found["memory"]["jobs"].items()
        )
        + ".\n"
    )
    yield where(found)
