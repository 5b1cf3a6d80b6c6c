"""The figures of lists of jobs: how long pages take among few and many, and memory."""

from collections.abc import Iterator

from bench.page.words import Results, where


def lists(results: Results) -> Iterator[str]:
    """A table of pages, and one of memory."""
    found = results.get("lists")
    if not found:
        return
    few, many = map(str, found["jobs"])
    stores = found["stores"]
    columns = [(store, count) for store in stores for count in (few, many)]
    yield f"## Lists of {int(many):,} jobs\n"
    yield f"A page of {found['items']} jobs of one user, with the number of those that follow, as `fanfold jobs` asks"
    yield "for it: over HTTP, from both services in one process, one request at a time (`bench/workloads/lists.py`). A"
    yield "job was created every second. The etcd has one member. Medians, and what 99 % of the pages take at most, in"
    yield "milliseconds.\n"
    yield "| jobs | " + " | ".join(f"{store}, among {int(count):,}" for store, count in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for what in stores[columns[0][0]]["pages"][many]:
        pages = (stores[store]["pages"][count][what] for store, count in columns)
        cells = " | ".join(f"{page['p50']}, {page['p99']}" for page in pages)
        yield f"| {what} | {cells} |"
    yield ""
    first = {store: max(page["first"] for page in stores[store]["pages"][many].values()) for store in stores}
    slowest = " and ".join(f"{took} ms with {store}" for store, took in first.items())
    yield f"The first time that a service is asked, the slowest of these pages among {int(many):,} takes {slowest}: it"
    yield "learns then how densely the keys of a long list lie in etcd.\n"
    yield "| resident memory of both services with | SQLite | etcd |"
    yield "|---|---|---|"
    for count in (few, many):
        cells = " | ".join(f"{stores[store]['memory'][count]} MB" for store in stores)
        yield f"| {int(count):,} jobs | {cells} |"
    yield ""
    yield where(found)
