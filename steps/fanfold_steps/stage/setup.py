"""The setup of a stage: everything that its steps are made from."""

from dataclasses import dataclass

from fanfold_steps.job.spec import StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.outputs.parts import Sink
from fanfold_steps.tree.plan import Tasks
from fanfold_steps.tree.ways import MappedInput
from fanfold_steps.user_code.loading import Code


@dataclass(frozen=True, slots=True)
class StageSetup:
    """A stage of the plan, and what its steps need to do its tasks."""

    stage: StageSpec
    tasks: Tasks
    inputs: dict[str, MappedInput]
    """By name, each with its format and its mapper."""
    code: Code
    budget: Budget
    sink: Sink
    """Takes the stage's output records."""
    writes_text: bool = False
    """Whether these are written as lines of text."""

    columns: dict[str, list[str]] | None = None
    """The columns of each input's tables, where these are joined by columns."""

    @property
    def partitions(self) -> int:
        """The number of partitions of a map task's output; 0 without a reducer."""
        return self.tasks.get("reduce", 0)
