"""What a service counts for Prometheus, first of all requests. No label holds a name or what a caller invents."""

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram

BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, float("inf"))  # seconds
MEDIA_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a second sample for each


class Metrics:
    """What one replica of a service has served; each has a registry of its own, to which the service may add."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(f"fanfold_{service}_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            f"fanfold_{service}_request_seconds", "Time to answer.", ("route",), registry=self.registry, buckets=BOUNDS
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is the pattern that matched, not the path."""
        self._requests.labels(method if method in _METHODS else "other", route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """Everything counted so far, in Prometheus's text format."""
        return prometheus_client.generate_latest(self.registry)
