"""Counts and durations of requests as Prometheus text. No label holds a user or anything that a caller invents."""

import threading
from collections import Counter

_BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """What one replica has served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is the pattern that matched, not the path."""
        with self._lock:
            self._requests[method if method in _METHODS else "other", route, status] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]
            for bound in (*_BOUNDS, float("inf")):
                if seconds <= bound:
                    self._buckets[route, bound] += 1

    def render(self) -> str:
        """Everything counted so far."""
        with self._lock:
            lines = [
                "# HELP fanfold_auth_requests_total Requests answered.",
                "# TYPE fanfold_auth_requests_total counter",
            ]
            for (method, route, status), count in sorted(self._requests.items()):
                labels = f'method="{method}",route="{route}",status="{status}"'
                lines.append(f"fanfold_auth_requests_total{{{labels}}} {count}")
            lines += [
                "# HELP fanfold_auth_request_seconds Time to answer.",
                "# TYPE fanfold_auth_request_seconds histogram",
            ]
            for route in sorted(self._seconds):
                lines += self._histogram(route)
            return "\n".join(lines) + "\n"

    def _histogram(self, route: str) -> list[str]:
        name = "fanfold_auth_request_seconds"
        lines = []
        for bound in (*_BOUNDS, float("inf")):
            le = "+Inf" if bound == float("inf") else bound
            lines.append(f'{name}_bucket{{route="{route}",le="{le}"}} {self._buckets[route, bound]}')
        lines.append(f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}')
        lines.append(f'{name}_count{{route="{route}"}} {self._buckets[route, float("inf")]}')
        return lines
