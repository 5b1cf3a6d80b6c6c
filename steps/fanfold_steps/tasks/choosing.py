"""Choosing the way in which each stage is done: as declared, or in columns where that gives the same bytes sooner.

`split` chooses once and the plan records the choice, because runs of records and of columns differ: a worker that
resumes the job with less memory, or without Polars, must not choose again.
"""

from dataclasses import replace
from importlib.util import find_spec

from fanfold_steps.inputs.headers import shared_columns
from fanfold_steps.inputs.listing import File
from fanfold_steps.inputs.splits import input_specs
from fanfold_steps.job.formats import JSONL, Table, Text
from fanfold_steps.job.policy import Fail
from fanfold_steps.job.spec import Aggregate, BatchFunction, Function, InputSpec, JobSpec, SortLines, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.tree.ways import StageWays, Way, ways_of
from fanfold_steps.user_code.loading import Code

WORTH_BYTES = 32 << 20  # of input, from which on starting Polars pays off
WORTH_JOINING = 2 << 20  # bytes of tables: records take ten times as long
WORTH_MEMORY = 512 << 20  # bytes of a worker's share; Polars itself takes a good part of less


def choose_ways(spec: JobSpec, files: list[File], budget: Budget, code: Code) -> tuple[JobSpec, list[StageWays]]:
    """The ways in which a job's stages are done, and the job, for these files of input.

    Where starting Polars pays off, the job's mapper is replaced by its columnar twin, and tables are joined by columns.
    """
    formats = [*(one.format for one in input_specs(spec).values()), spec.output]
    is_text = all(isinstance(one, Text) and one.encoding is None for one in formats)
    size = sum(file.size for file in files)
    if budget.share < WORTH_MEMORY or len(spec.stages) != 1 or not find_spec("polars"):
        return spec, ways_of(spec)
    if size >= WORTH_JOINING and (columns := _joined_columns(spec, files, code)):
        return spec, [StageWays(dict.fromkeys(columns, Way.TABLES), Way.TABLES, columns)]
    if size < WORTH_BYTES or not is_text:
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


def _joined_columns(spec: JobSpec, files: list[File], code: Code) -> dict[str, list[str]] | None:
    """The columns of two tables of text that the stage joins; None if it does something else, or they aren't."""
    stage = spec.stages[0]
    reduce = stage.reduce
    if not isinstance(reduce, Function) or stage != StageSpec(reduce=reduce, partitions=stage.partitions):
        return None
    if (
        len(spec.inputs) != 2
        or not spec.params
        or spec.outputs
        or not isinstance(spec.on_error, Fail)
        or not isinstance(spec.output, JSONL)
    ):
        return None
    join = code.table_join(reduce.function, spec.params.function)
    module = reduce.function.partition(":")[0]
    mappers = [InputSpec(Table(), Function(f"{module}:{name}")) for name in join.mappers] if join else []
    if not join or list(spec.inputs.values()) != mappers:
        return None
    found: dict[str, list[str]] = {}
    for name, wanted in zip(spec.inputs, join.columns, strict=True):
        columns = shared_columns([file for file in files if file.input == name and file.size])
        if not columns or not set(wanted) <= set(columns):
            return None
        found[name] = columns
    return found
