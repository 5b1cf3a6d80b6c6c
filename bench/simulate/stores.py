"""What requests to a store cost, from figures that their makers have published."""

from dataclasses import dataclass, replace
from math import exp
from random import Random

_SPREAD = 0.21  # of the logarithm: 90 % of the latencies lie between 0.7 and 1.4 times the median


@dataclass(frozen=True, slots=True)
class Store:
    """A store: how long requests take, and how many it takes."""

    name: str
    latency: float
    """Seconds until the first byte: the median."""
    write_latency: float
    """Seconds until a write is acknowledged: the median."""
    reads: float
    """Requests a second that read or list, for all workers together."""
    writes: float
    """Requests a second that write or delete."""
    stream: float
    """Bytes a second of one request."""

    def latency_of(self, random: Random, *, reads: bool) -> float:
        """The latency of one request."""
        return (self.latency if reads else self.write_latency) * exp(random.gauss(0.0, _SPREAD))

    def slower(self, times: float) -> "Store":
        """The same store, with so many times its latency and so many times less of all else."""
        return replace(
            self,
            name=f"{self.name}, {times:g} times slower",
            latency=self.latency * times,
            write_latency=self.write_latency * times,
            reads=self.reads / times,
            writes=self.writes / times,
            stream=self.stream / times,
        )


S3 = Store("S3", latency=0.14, write_latency=0.14, reads=5500, writes=3500, stream=85e6)
"""A latency of 0.1 to 0.2 s, 5,500 reads and 3,500 writes a second for a prefix, 85 MB a second for a request."""

OPERATIONS = 4  # on a network file system, for a request: look up, open, transfer, close or rename
NFS = Store(
    "NFS",
    latency=OPERATIONS * 0.00025,
    write_latency=OPERATIONS * 0.0027,
    reads=55_000 / OPERATIONS,
    writes=25_000 / OPERATIONS,
    stream=500 * (1 << 20),
)
"""Amazon EFS: 0.25 ms for a read and 2.7 ms for a write, 55,000 and 25,000 a second, 500 MiB a second for a client."""
