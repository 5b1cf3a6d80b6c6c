"""The engine protocol. An engine knows workers, not results: whether a job is done stands in its tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from threading import Event
from typing import Protocol

from fanfold.planner import PlannedJob

ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""What the environment of every worker says: in each a set of texts has the same order."""


class EngineError(Exception):
    """The engine did not answer or refused; the text says why. Submitting again is always safe."""


class Foreign(EngineError):
    """What stands under the job's name is not the job's: another fingerprint, or not made by Fanfold."""


@dataclass(frozen=True, slots=True)
class Handle:
    """Where an engine keeps a job: on Argo the Workflow's namespace, name and uid."""

    namespace: str
    name: str
    uid: str


class Phase(StrEnum):
    """What is known of a job's workers."""

    ACTIVE = "active"  # some work, or will soon
    ENDED = "ended"  # all have left, for whatever reason
    GONE = "gone"  # the engine knows nothing (any more) under this handle


@dataclass(frozen=True, slots=True)
class Observation:
    """A look at a job's workers; `message` is the engine's own word on why they ended, for people."""

    phase: Phase
    message: str = ""


class Engine(Protocol):
    """Starts, watches and ends the workers of jobs."""

    @property
    def name(self) -> str:
        """`local` or `argo`."""

    def submit(self, plan: PlannedJob) -> Handle:
        """Start the job's workers. `job.json` must be written before.

        The name follows from the job's id: submitting a plan again adopts what is there, so one job never has two sets
        of workers. Those that failed or were cancelled are started anew, under another uid; while the engine still
        clears them away it raises EngineError. Raises Foreign when that name is taken by something else, EngineError
        when the engine is away.
        """

    def observe(self, handle: Handle) -> Observation:
        """What its workers do now. Raises EngineError when the engine is away."""

    def active(self) -> Iterator[tuple[str, Handle]]:
        """(job id, handle) of every job that still has workers, whoever submitted it."""

    def watch(self, stop: Event) -> Iterator[str]:
        """Ids of jobs whose workers changed, until `stop` is set. Hints: some may be missed or told twice."""

    def cancel(self, handle: Handle) -> None:
        """End the workers. Returns at once; `observe` tells when they have left. Unknown handles do no harm."""

    def close(self) -> None:
        """Let go of threads and connections. Local workers end; pods go on."""
