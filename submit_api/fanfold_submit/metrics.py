"""Counts and durations of requests, in the Prometheus text format. No label holds anything that a caller invents."""

import threading
from collections import defaultdict

BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, float("inf"))
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}
_REQUESTS, _SECONDS = "fanfold_submit_requests_total", "fanfold_submit_request_seconds"


class Metrics:
    """What this process has served."""

    def __init__(self) -> None:
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
            lines = [f"# HELP {_REQUESTS} Requests answered.", f"# TYPE {_REQUESTS} counter"]
            for (method, route, status), count in sorted(self._requests.items()):
                lines.append(f'{_REQUESTS}{{method="{method}",route="{route}",status="{status}"}} {count}')
            lines += [f"# HELP {_SECONDS} Time to answer.", f"# TYPE {_SECONDS} histogram"]
            for route in sorted(self._seconds):
                lines += self._histogram(route)
        return "\n".join(lines) + "\n"

    def _histogram(self, route: str) -> list[str]:
        counts = self._buckets[route]
        names = ["+Inf" if bound == float("inf") else str(bound) for bound in BOUNDS]
        lines = [
            f'{_SECONDS}_bucket{{route="{route}",le="{name}"}} {count}'
            for name, count in zip(names, counts, strict=True)
        ]
        return [
            *lines,
            f'{_SECONDS}_sum{{route="{route}"}} {self._seconds[route]:.6f}',
            f'{_SECONDS}_count{{route="{route}"}} {counts[-1]}',
        ]
