"""The parts of the queue, wired together once for each replica."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from fanfold.planning.sizing import MOST_WORKERS, available_cores
from fanfold_storage.records import Records
from fanfold_submit.meters import Meters
from fanfold_submit.queueing.dispatcher import Dispatcher
from fanfold_submit.queueing.gauges import QueueGauges
from fanfold_submit.queueing.ledger import Ledger
from fanfold_submit.queueing.limits import Limit, Limits
from fanfold_submit.queueing.view import QueueView
from fanfold_submit.queueing.waiting import Waiting
from fanfold_submit.settings import Settings

JOBS_ON_A_CLUSTER = 200


@dataclass(frozen=True, slots=True)
class Queueing:
    """Everything that decides on who runs when."""

    limits: Limits
    waiting: Waiting
    ledger: Ledger
    dispatcher: Dispatcher
    view: QueueView
    meters: Meters
    now: Callable[[], float]

    @classmethod
    def over(
        cls, records: Records, limits: Limits, now: Callable[[], float], seconds: float = 30.0,
        registry: CollectorRegistry | None = None,
    ) -> "Queueing":  # fmt: skip
        """The parts over a store of records. Without news, the queue is looked at every so many seconds."""
        registry = registry or CollectorRegistry()
        waiting = Waiting()
        ledger = Ledger(records, waiting, limits, now)
        view = QueueView(waiting, limits, now)
        registry.register(QueueGauges(waiting, view, limits, now))
        return cls(limits, waiting, ledger, Dispatcher(ledger, waiting, seconds), view, Meters.of(registry), now)


def limits_of(settings: Settings, engine: str) -> Limits:
    """The limits that an operator has set, or those that suit the engine: as many workers as this machine has cores.

    On a cluster, pods that find no room wait there; the defaults only keep it from being flooded.
    """
    is_here = engine == "local"
    workers = settings.workers or (available_cores() if is_here else 2 * MOST_WORKERS["argo"] + 1)
    jobs = settings.jobs or (None if is_here else JOBS_ON_A_CLUSTER)
    return Limits(
        jobs=Limit(jobs, settings.jobs_each, settings.jobs_groups),
        workers=Limit(workers, settings.workers_each, settings.workers_groups),
    )
