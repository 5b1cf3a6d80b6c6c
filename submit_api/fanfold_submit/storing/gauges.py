"""Gauges of what is kept, as it was summed up last: no scrape reads records."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fanfold_submit.storing.stored import StoredBytes


class StoredGauges(Collector):
    """Bytes by kind."""

    def __init__(self, stored: StoredBytes) -> None:
        self._stored = stored

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        total = self._stored.last_sums.total
        family = GaugeMetricFamily("fanfold_submit_stored_bytes", "Bytes kept, by kind.", labels=["kind"])
        for kind in ("files", "trees", "bundles"):
            family.add_metric([kind], getattr(total, kind))
        yield family
