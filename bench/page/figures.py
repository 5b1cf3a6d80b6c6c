"""The figures that are held against targets: functions of what a row of the bench has found."""

from collections.abc import Callable, Mapping
from typing import Any

Found = Mapping[str, Any]
"""What a row has found, as its workload returned it."""


def ratio(ours: str, *others: str) -> Callable[[Found], float]:
    """Our time over that of the quickest of others."""
    return lambda found: median(found, ours) / min(median(found, other) for other in others)


def ahead(ours: str, other: str) -> Callable[[Found], float]:
    """How many times as long the other takes."""
    return lambda found: median(found, other) / median(found, ours)


def median(found: Found, way: str) -> float:
    """Seconds of a way."""
    seconds: float = found["ways"][way]["median"]
    return seconds


def bend(found: Found) -> float:
    """How far the cost of a byte more differs between the smaller and the larger step of the input, in percent."""
    (least, some), (middle, more), (most, all_of_it) = ((point["bytes"], point["median"]) for point in found["sizes"])
    slopes = (more - some) / (middle - least), (all_of_it - more) / (most - middle)
    return float((max(slopes) / min(slopes) - 1) * 100)


def slowing(found: Found) -> float:
    """How much longer the slowest number of splits takes than the quickest, in percent."""
    times = [point["median"] for point in found["splits"]]
    return float((max(times) / min(times) - 1) * 100)


def swelling(found: Found) -> float:
    """The highest peak of memory over the lowest, across sizes and splits."""
    peaks = [point["peak_mb"] for point in (*found["sizes"], *found["splits"])]
    return float(max(peaks) / min(peaks))


def held(way: str, budget: int = 256 << 20) -> Callable[[Found], float]:
    """Peak memory of all processes but that of interpreters which do nothing, over the budget."""

    def of(found: Found) -> float:
        measured = found["ways"][way]
        used = measured["peak_mb"] - measured["processes"] * found["interpreter_mb"]
        return float(used * 1e6 / budget)

    return of


def slowest_page(store: str) -> Callable[[Found], float]:
    """The median of the slowest kind of page among the most jobs, in milliseconds."""

    def of(found: Found) -> float:
        return float(max(page["p50"] for page in found["stores"][store]["pages"][str(found["jobs"][-1])].values()))

    return of


def share(figures: str, way: str, other: str) -> Callable[[Found], float]:
    """How many a second a way does, in percent of another."""
    return lambda found: float(found[figures][way]["median"] / found[figures][other]["median"] * 100)


def slowest_question(about: str) -> Callable[[Found], float]:
    """The median of the slowest question about tasks, or about the status, in milliseconds."""

    def of(found: Found) -> float:
        asked = [pages.items() for pages in found["pages"].values()]
        return float(max(took["p50"] for pages in asked for what, took in pages if about in what))

    return of


def swelling_in(store: str) -> Callable[[Found], float]:
    """Memory with the most jobs over that with the fewest."""

    def of(found: Found) -> float:
        held = [found["stores"][store]["memory"][str(count)] for count in found["jobs"]]
        return float(held[-1] / held[0])

    return of


def swelling_over(what: str) -> Callable[[Found], float]:
    """Memory after the most jobs or logins over that after the fewest."""

    def of(found: Found) -> float:
        held = [found["memory"][what][count] for count in sorted(found["memory"][what], key=int)]
        return float(held[-1] / held[0])

    return of


def small_job(storage: str, way: str) -> Callable[[Found], float]:
    """Seconds of a small job on the cluster, with its files on a volume or in S3."""
    return lambda found: float(found[storage][way]["median"])
