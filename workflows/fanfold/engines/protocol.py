"""The engine protocol. An engine knows about workers, not results: a job's tree says whether the job is done."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from threading import Event
from typing import Protocol

from fanfold.planning.planner import PlannedJob

ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""Environment variables of every worker; with this one, sets of strings iterate in the same order in all of them."""


class EngineError(Exception):
    """The engine didn't respond, or refused; the message says why. Submitting again is always safe."""


class Foreign(EngineError):
    """Something else has the job's name: its fingerprint differs, or Fanfold didn't create it."""


@dataclass(frozen=True, slots=True)
class Handle:
    """Identifies a job to its engine; on Argo, by the namespace, name and uid of its Workflow."""

    namespace: str
    name: str
    uid: str


class Phase(StrEnum):
    """What is known about a job's workers."""

    ACTIVE = "active"  # some are running, or will be soon
    ENDED = "ended"  # all have exited, for whatever reason
    GONE = "gone"  # the engine doesn't know this handle, or no longer


@dataclass(frozen=True, slots=True)
class Pending:
    """Why some of a job's workers haven't started; the others may be running."""

    reason: str
    """`image`, `configuration`, `quota`, `unschedulable` or, for anything else, `pods`."""
    message: str


@dataclass(frozen=True, slots=True)
class Observation:
    """The state of a job's workers; `message` is the engine's own explanation of why they ended, for people."""

    phase: Phase
    message: str = ""
    abandoned: bool = False
    """Whether the process that ran them ended first, which says nothing about them."""
    hopeless: bool = False
    """Whether they can't do the job, and starting them again would end in the same way; `message` says why."""
    pending: Pending | None = None
    """What keeps some of them from starting, if the engine knows."""
    stopped: bool = False
    """Whether somebody has stopped them by the engine's own means, such as the Argo UI's button; `cancel` does, too."""


class Engine(Protocol):
    """Starts, watches and stops the workers of jobs."""

    @property
    def name(self) -> str:
        """`local` or `argo`."""

    @property
    def isolates(self) -> bool:
        """Whether the engine confines a job's code to the areas of its plan."""

    def submit(self, plan: PlannedJob) -> Handle:
        """Start the job's workers. `job.json` must have been written before.

        Submitting a plan again adopts the workers that exist, because their name follows from the job's id; so a job
        never has two sets of workers. Workers that failed or were cancelled are started again, under another uid.

        Raises:
            Foreign: something else has that name.
            EngineError: the engine doesn't respond, or is still removing workers that failed.
        """

    def manifest(self, plan: PlannedJob) -> str | None:
        """What `submit` creates for the plan, as YAML; None if that is nothing to be shown.

        Raises Refused: the workers couldn't reach a place that the plan names.
        """

    def observe(self, handle: Handle) -> Observation:
        """The current state of the workers. Raises EngineError: the engine doesn't respond."""

    def active(self) -> Iterator[tuple[str, Handle]]:
        """(job id, handle) of every job that still has workers, whoever submitted it."""

    def watch(self, stop: Event) -> Iterator[str]:
        """Ids of jobs whose workers changed, until `stop` is set. Only hints: some may be missed or repeated."""

    def cancel(self, handle: Handle) -> None:
        """Stop the workers. Returns at once; `observe` says when they have exited. Unknown handles are ignored."""

    def close(self) -> None:
        """Release threads and connections. Local workers are stopped; pods keep running."""
