"""Choosing the way in which each stage is done: as declared, or in columns where that gives the same bytes sooner.

`split` chooses once and the plan records the choice, because runs of records and of columns differ: a worker that
resumes the job with less memory, or without Polars, must not choose again.
"""

from dataclasses import replace
from importlib.util import find_spec

from fanfold_steps.inputs.splits import input_specs
from fanfold_steps.job.formats import Text
from fanfold_steps.job.spec import Aggregate, BatchFunction, Function, JobSpec, SortLines, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.tree.ways import StageWays, ways_of
from fanfold_steps.user_code.loading import Code

WORTH_BYTES = 32 << 20  # of input, from which on starting Polars pays off
WORTH_MEMORY = 512 << 20  # bytes of a worker's share; Polars itself takes a good part of less


def choose_ways(spec: JobSpec, size: int, budget: Budget, code: Code) -> tuple[JobSpec, list[StageWays]]:
    """The ways in which a job's stages are done, and the job, for `size` bytes of input.

    Where starting Polars pays off, the job's mapper is replaced by its columnar twin.
    """
    formats = [*(one.format for one in input_specs(spec).values()), spec.output]
    is_text = all(isinstance(one, Text) and one.encoding is None for one in formats)
    is_small = size < WORTH_BYTES or budget.share < WORTH_MEMORY
    if is_small or not is_text or len(spec.stages) != 1 or not find_spec("polars"):
        return spec, ways_of(spec)
    stage = spec.stages[0]
    if stage == StageSpec(reduce=SortLines(), partitions=stage.partitions):
        return spec, ways_of(spec, sorts_columns=True)
    if isinstance(stage.map, Function) and stage == _counting(stage) and (twin := code.twin(stage.map.function)):
        spec = replace(spec, stages=[replace(stage, map=BatchFunction(twin), reduce={"n": Aggregate("Sum")})])
    return spec, ways_of(spec)


def _counting(stage: StageSpec) -> StageSpec:
    """A stage that only adds up what its mapper emits."""
    return StageSpec(map=stage.map, reduce=Aggregate("Sum"), partitions=stage.partitions)
