"""What this replica counts for operators, beside requests. docs/operating.md explains each; no label names a user."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

SUBMISSIONS = ("admitted", "repeated", "refused")
ENDS = ("succeeded", "failed", "cancelled")
ERRORS = ("engine", "store", "bug")
TICKS = ("submitted", "skipped", "missed", "refused")
MESSAGES = ("delivered", "repeated", "abandoned")
LAGS = (0.01, 0.1, 0.5, 2.5, 10.0, 60.0, float("inf"))  # seconds


@dataclass(frozen=True, slots=True)
class Meters:
    """Counters and histograms of one replica."""

    submissions: Counter
    dispatches: Counter
    ended: Counter
    worker_seconds: Counter
    reconcile_lag: Histogram
    reconcile_seconds: Histogram
    reconcile_errors: Counter
    ticks: Counter
    tick_delay: Histogram
    messages: Counter

    @classmethod
    def of(cls, registry: CollectorRegistry) -> "Meters":
        """Counters that begin at 0, in this registry.

        Those with a label begin so for each of its values: Prometheus sees no increase in a counter that appears as 1.
        """

        def counter(name: str, text: str, **label: Sequence[str]) -> Counter:
            found = Counter(f"fanfold_submit_{name}", text, tuple(label), registry=registry)
            for values in label.values():
                for value in values:
                    found.labels(value)
            return found

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(f"fanfold_submit_{name}", text, registry=registry, buckets=LAGS)

        return cls(
            submissions=counter("submissions", "Submissions.", outcome=SUBMISSIONS),
            dispatches=counter("dispatches", "Jobs whose workers this replica asked the engine for."),
            ended=counter("jobs_ended", "Jobs whose end this replica recorded.", state=ENDS),
            worker_seconds=counter("worker_seconds", "Seconds that workers of jobs have run, added up."),
            reconcile_lag=histogram("reconcile_lag_seconds", "Time that jobs were due before they were reconciled."),
            reconcile_seconds=histogram("reconcile_seconds", "Time that reconciling a job took."),
            reconcile_errors=counter("reconcile_errors", "Steps that failed and are repeated.", reason=ERRORS),
            ticks=counter("ticks", "Ticks of schedules of which this replica made something.", outcome=TICKS),
            tick_delay=histogram("tick_delay_seconds", "Time after a tick at which its job was submitted."),
            messages=counter("messages", "Attempts to send a message to a webhook.", outcome=MESSAGES),
        )
