"""The interfaces of a stage's map step and reduce step, the same for each way of doing them."""

from collections.abc import Iterable
from typing import Any, Protocol

from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.tree.commit import Commit


class MapStep(Protocol):
    """Does map tasks."""

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Map what the attempt's task reads, and write the result: a run, or parts if the stage has no reducer.

        Raises:
            PermanentFailure: the user's code failed, or emitted something invalid; with the record's position.
            StorageError: the store is unavailable.
        """


class ReduceStep(Protocol):
    """Does reduce tasks."""

    def records(self, attempt: Attempt, inputs: StageInputs) -> Iterable[Any]:
        """Reduce the task's partition; yields the output records one by one.

        Raises:
            PermanentFailure: the user's code failed, or returned something invalid.
            StorageError: the store is unavailable.
        """
