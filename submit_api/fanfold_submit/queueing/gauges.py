"""Gauges of the queue, read from memory when Prometheus asks: no scrape costs a scan."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fanfold_submit.queueing.entries import ALL
from fanfold_submit.queueing.limits import Limits, Running
from fanfold_submit.queueing.view import QueueView
from fanfold_submit.queueing.waiting import Waiting


class QueueGauges(Collector):
    """What waits, why and how long; what runs, and how much may."""

    def __init__(self, waiting: Waiting, view: QueueView, limits: Limits, now: Callable[[], float]) -> None:
        self._waiting, self._view, self._limits, self._now = waiting, view, limits, now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now; the same on all replicas, but for what these haven't seen yet."""
        waiting = GaugeMetricFamily("fanfold_submit_waiting_jobs", "Jobs in the queue, by reason.", labels=["reason"])
        for reason, count in sorted(self._view.reasons().items()):
            waiting.add_metric([reason], count)
        yield waiting
        yield _gauge("longest_wait_seconds", "Age of the oldest job that is first of its owner's.", self._longest())
        running = self._waiting.totals.running.get(ALL, Running())
        yield _gauge("running_jobs", "Jobs that hold workers.", running.jobs)
        yield _gauge("running_workers", "Workers, or pods, that jobs hold.", running.workers)
        for name, limit in (("jobs", self._limits.jobs.total), ("workers", self._limits.workers.total)):
            yield _gauge(f"{name}_limit", f"The most {name} at a time.", float("inf") if limit is None else limit)

    def _longest(self) -> float:
        """Ids begin with the time of admission, in milliseconds, to the base 36."""
        oldest = min((queue[0].job for queue in self._waiting.heads(1).values()), default=None)
        return max(0.0, self._now() - int(oldest[:9], 36) / 1000) if oldest else 0.0


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"fanfold_submit_{name}", text, value=value)
