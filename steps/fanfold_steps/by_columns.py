"""Jobs that are done by columns though nobody asked for it: where that gives the same bytes, and sooner.

`split` decides it once, and the plan holds what it chose, since records and columns lie differently in runs: a worker
that goes on with the job where there is less memory, or no Polars, must not go another way.
"""

from dataclasses import replace
from importlib.util import find_spec

from fanfold_steps.budget import Budget
from fanfold_steps.formats.declared import Text
from fanfold_steps.inputs import input_specs
from fanfold_steps.spec import Aggregate, Batch, Function, JobSpec, SortLines, StageSpec

WORTH_BYTES = 32 << 20
WORTH_MEMORY = 512 << 20  # of a worker; Polars alone takes a good part of less
_TWINS = {"fanfold.builtin.wordcount:words": "fanfold.builtin.wordcount:words_in_columns"}
"""Mappers of records, and those of frames whose column `n` adds up to the same."""


def quickest(spec: JobSpec, size: int, budget: Budget) -> JobSpec:
    """A job over so many bytes of input, or the one in columns that gives the same, where starting Polars is worth
    it."""
    formats = [*(one.format for one in input_specs(spec).values()), spec.output]
    is_text = all(isinstance(one, Text) and one.encoding is None for one in formats)
    is_small = size < WORTH_BYTES or budget.share < WORTH_MEMORY
    if is_small or not is_text or len(spec.stages) != 1 or not find_spec("polars"):
        return spec
    return replace(spec, stages=[_twin(spec.stages[0])])


def _twin(stage: StageSpec) -> StageSpec:
    if stage == StageSpec(reduce=SortLines(), partitions=stage.partitions):
        return replace(stage, reduce=SortLines("lines by columns"))
    mapper = _TWINS.get(stage.map.function) if isinstance(stage.map, Function) else None
    if mapper is None or stage != StageSpec(map=stage.map, reduce=Aggregate("Sum"), partitions=stage.partitions):
        return stage
    return replace(stage, map=Batch(mapper), reduce={"n": Aggregate("Sum")})
