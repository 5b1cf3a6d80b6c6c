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
    """Seconds until the first byte, or until a write is acknowledged: the median."""
    reads: float
    """Requests a second that read or list, for all workers together."""
    writes: float
    """Requests a second that write or delete."""
    stream: float
    """Bytes a second of one request."""
    total: float | None = None
    """Bytes a second of all requests together; None: more than is asked for."""

    def latency_of(self, random: Random) -> float:
        """The latency of one request."""
        return self.latency * exp(random.gauss(0.0, _SPREAD))

    def slower(self, times: float) -> "Store":
        """The same store, with so many times its latency and so many times less of all else."""
        return replace(
            self,
            name=f"{self.name}, {times:g} times slower",
            latency=self.latency * times,
            reads=self.reads / times,
            writes=self.writes / times,
            stream=self.stream / times,
        )


S3 = Store("S3", latency=0.14, reads=5500, writes=3500, stream=85e6)
"""A latency of 0.1 to 0.2 s, 5,500 reads and 3,500 writes a second for a prefix, 85 MB a second for a request."""
