"""docs/performance.md from the remembered results: every figure on the page comes from there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

Written by `make bench`; medians, with the runs behind them. Ratios compare what ran side by side, in turn, on one
machine; absolute times are that machine's.
"""
WAYS = {
    "one_pod": "Fanfold, one pod",
    "fanned_out": "Fanfold, 4 map and 2 reduce pods",
    "argo_by_hand": "map-reduce written for Argo by hand (1 split, 4 map, 1 reduce pod)",
}
STORES = {"pvc": "volume", "s3": "S3 (MinIO)"}


def write(results: dict[str, Any]) -> None:
    """Write the page."""
    TARGET.write_text("\n".join([HEAD, *_local(results), *_cluster(results), *_ci(results)]))


def _local(results: dict[str, Any]) -> Iterator[str]:
    found = results.get("local")
    if not found:
        return
    yield f"## Word count of {found['bytes'] / 1e6:.0f} MB on one machine\n"
    yield "The record API (`examples/wordcount.py`, two workers) beside a bare script with the same generator, a dict"
    yield "and two processes (`bench/bare.py`), process start to exit.\n"
    yield "| | seconds | runs |"
    yield "|---|---|---|"
    yield f"| Fanfold | {found['fanfold']['median']} | {_runs(found['fanfold'])} |"
    yield f"| bare script | {found['bare']['median']} | {_runs(found['bare'])} |"
    yield f"| ratio | {found['ratio']} | |\n"
    yield _where(found)


def _cluster(results: dict[str, Any]) -> Iterator[str]:
    found = results.get("cluster")
    if not found:
        return
    yield "## A small job on the cluster\n"
    yield "4,000 lines on a warm one-node cluster (`tests/cluster`) with its control plane on the same cores. Fanfold:"
    yield "from sending the submission until the whole output has been read back over HTTP. By hand: from creating the"
    yield "Workflow (`bench/map-reduce.yaml`) until Argo says Succeeded.\n"
    yield "| way | files in | seconds | runs |"
    yield "|---|---|---|---|"
    for store, ways in STORES.items():
        for way, name in WAYS.items():
            if times := found[store].get(way):
                yield f"| {name} | {ways} | {times['median']} | {_runs(times)} |"
    yield ""
    yield _where(found)


def _ci(results: dict[str, Any]) -> Iterator[str]:
    found = results.get("ci")
    if not found:
        return
    yield "## CI\n"
    yield "Seconds of each part of `.ci/run`, the last time it ran on this checkout.\n"
    yield "| part | seconds |"
    yield "|---|---|"
    for part, seconds in found["seconds"].items():
        yield f"| `make {part}` | {seconds} |"
    yield f"| together | {sum(found['seconds'].values())} |\n"
    yield _where(found)


def _runs(times: dict[str, Any]) -> str:
    return ", ".join(map(str, times["runs"]))


def _where(found: dict[str, Any]) -> str:
    return f"Measured {found['day']}: {found['machine']}.\n"
