"""How long a planned job takes at least: arithmetic over what requests and bytes cost, nothing is run."""

from dataclasses import dataclass

from bench.simulate.bodies import Work
from bench.simulate.stores import S3
from fanfold_storage.objects.staged_uploads import PART

WORKERS = 1000
LARGEST_UPLOAD = 450 * (1 << 30)
"""What the parts of a multipart upload can hold (`fanfold_storage/objects/staged_uploads.py`)."""
_UPLOAD = S3.write_latency / PART + 1 / S3.stream
"""Seconds to upload a byte: one part after the other, while more is merged."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Hours that each step takes, and hours for which the job's requests keep S3 busy, at the rates of one prefix."""

    map: float
    shuffle: float
    reduce: float
    requests: float
    largest: float
    """Bytes of the largest object that is written."""

    @property
    def hours(self) -> float:
        """What the job takes at least."""
        return max(self.map + self.shuffle + self.reduce, self.requests)


def bounds(total: int, tasks: dict[str, int], work: Work) -> Bounds:
    """The bounds of a job with 1,000 workers."""
    moved = total * work.output
    merged = tasks.get("shuffle", 0)
    opened = 2 * (merged or tasks["map"])
    writes = moved / PART * (3 if merged else 2)
    part, group = moved / tasks["reduce"], moved / merged if merged else 0.0
    return Bounds(
        map=(total / work.map + moved * _UPLOAD) / WORKERS / 3600,
        shuffle=_waves(merged) * group * max(1 / work.shuffle, _UPLOAD) / 3600,
        reduce=_waves(tasks["reduce"]) * (part * max(1 / work.reduce, _UPLOAD) + opened * S3.latency) / 3600,
        requests=max(writes / S3.writes, opened * tasks["reduce"] / S3.reads) / 3600,
        largest=max(part, group),
    )


def _waves(tasks: int) -> int:
    return -(-tasks // WORKERS)
