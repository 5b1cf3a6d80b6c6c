"""Counts and durations of requests as Prometheus text. No label holds a user or anything that a caller invents."""

import threading
from collections import defaultdict

BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, float("inf"))
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """What one replica of a service has served."""

    def __init__(self, service: str) -> None:
        self._count, self._time = f"fanfold_{service}_requests_total", f"fanfold_{service}_request_seconds"
        self._lock = threading.Lock()
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(BOUNDS))
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is the pattern that matched, not the path."""
        with self._lock:
            self._requests[method if method in _METHODS else "other", route, status] += 1
            self._seconds[route] += seconds
            counts = self._buckets[route]
            for place, bound in enumerate(BOUNDS):
                counts[place] += seconds <= bound

    def render(self) -> str:
        """Everything counted so far."""
        with self._lock:
            lines = [f"# HELP {self._count} Requests answered.", f"# TYPE {self._count} counter"]
            for (method, route, status), count in sorted(self._requests.items()):
                lines.append(f'{self._count}{{method="{method}",route="{route}",status="{status}"}} {count}')
            lines += [f"# HELP {self._time} Time to answer.", f"# TYPE {self._time} histogram"]
            for route in sorted(self._seconds):
                lines += self._histogram(route)
        return "\n".join(lines) + "\n"

    def _histogram(self, route: str) -> list[str]:
        counts = self._buckets[route]
        names = ["+Inf" if bound == float("inf") else str(bound) for bound in BOUNDS]
        return [
            *(f'{self._time}_bucket{{route="{route}",le="{name}"}} {counts[i]}' for i, name in enumerate(names)),
            f'{self._time}_sum{{route="{route}"}} {self._seconds[route]:.6f}',
            f'{self._time}_count{{route="{route}"}} {counts[-1]}',
        ]
