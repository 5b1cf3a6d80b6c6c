"""The figures of the cluster and of CI."""

from collections.abc import Iterator

from bench.page.words import Results, runs, where

CLUSTER_WAYS = {
    "one_pod": "Fanfold, one pod",
    "fanned_out": "Fanfold, 4 map and 2 reduce pods",
    "argo_by_hand": "map-reduce written for Argo by hand (1 split, 4 map and 1 reduce pods)",
}
STORES = {"pvc": "volume", "s3": "S3 (MinIO)"}


def cluster(results: Results) -> Iterator[str]:
    """A small job, from its submission to its output."""
    found = results.get("small-jobs")
    if not found:
        return
    yield "## A small job on the cluster\n"
    yield "4,000 lines on a warm one-node cluster (`tests/cluster`) with its control plane on the same cores. Fanfold:"
    yield "from sending the request until the whole output has been read back over HTTP. By hand: from creating the"
    yield "Workflow (`bench/workloads/map-reduce.yaml`) until Argo reports Succeeded.\n"
    yield "| way | files in | seconds | runs |"
    yield "|---|---|---|---|"
    for store, ways in STORES.items():
        for way, name in CLUSTER_WAYS.items():
            if times := found[store].get(way):
                yield f"| {name} | {ways} | {times['median']} | {runs(times)} |"
    yield ""
    yield where(found)


def pods(results: Results) -> Iterator[str]:
    """What tasks cost in pods that are there, and how fast pods come."""
    found = results.get("many-pods")
    if not found:
        return
    wave, fan_out = found["wave"], found["pods"]
    yield "## Waves of tasks, and many pods\n"
    yield f"{wave['tasks']} more tasks of {wave['busy']:g} s in {wave['tasks']} pods that are there take"
    yield f"{wave['beyond']} s beyond those {wave['busy']:g} s.\n"
    yield f"A fan-out of {fan_out['pods']} pods, on a node that holds 40 at a time: {fan_out['fanfold']} pods a second,"
    yield "from creating its Workflow until Argo reports Succeeded. Argo's own, whose pods start Python and end"
    yield f"(`bench/workloads/fan-out.yaml`): {fan_out['argo']}. The ratio is {fan_out['ratio']}.\n"
    yield where(found)


def ci(results: Results) -> Iterator[str]:
    """Seconds of each part."""
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
    yield where(found)
