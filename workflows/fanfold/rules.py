"""What of a job's parts doesn't go together: one list for jobs written in Python and for specs written as JSON."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from fanfold.orders import lines_problem, order_problem
from fanfold.side_files import problem_of
from fanfold_steps.aggregations import InvalidAggregation, build
from fanfold_steps.formats.declared import Text
from fanfold_steps.policy import Skip, problem_of_timeout
from fanfold_steps.programs.checks import check, check_input
from fanfold_steps.programs.command import InvalidCommand
from fanfold_steps.spec import (
    MOST_PARTITIONS,
    NAME,
    Aggregate,
    Batch,
    InputSpec,
    JobSpec,
    Program,
    SortLines,
    StageSpec,
)

Problem = tuple[str, str]
"""The field, as a path, and what is wrong with it."""
_PARTS = ("map", "reduce", "combine")


def stage_problems(stage: StageSpec) -> Iterator[Problem]:
    """What of a stage doesn't go together, by itself; the weightiest first.

    >>> list(stage_problems(StageSpec(partitions=2)))
    [('partitions', 'without a reducer there is a part for each split; leave it out')]
    """
    if problem := order_problem(stage):
        yield problem
    if stage.partitions is not None and not 1 <= stage.partitions <= MOST_PARTITIONS:
        yield "partitions", f"a number from 1 to {MOST_PARTITIONS:,}, not {stage.partitions}"
    if stage.partitions is not None and stage.reduce is None:
        yield "partitions", "without a reducer there is a part for each split; leave it out"
    yield from _batch_problems(stage)
    yield from _aggregation_problems(stage)
    yield from _combiner_problems(stage)
    for part in _PARTS:
        yield from _refused(part, check, getattr(stage, part), of=Program)


def job_problems(spec: JobSpec) -> Iterator[Problem]:
    """What of a job doesn't go together, each with the place; the weightiest first.

    >>> list(job_problems(JobSpec(stages=[StageSpec(), StageSpec(map=Batch("m:f"), reduce={"n": Aggregate("Sum")})])))
    [('stages.1.map', 'only the first stage of a job can be one of batches: let a later one map records')]
    """
    yield from _name_problems(spec)
    for number, stage in enumerate(spec.stages):
        yield from ((f"stages.{number}.{field}", text) for field, text in stage_problems(stage))
        if number and isinstance(stage.map, Batch):
            yield (
                f"stages.{number}.map",
                "only the first stage of a job can be one of batches: let a later one map records",
            )
    if problem := lines_problem(spec):
        yield "stages", problem
    yield from _input_problems(spec)
    parts = [getattr(stage, part) for stage in spec.stages for part in _PARTS]
    parts += [named.map for named in spec.inputs.values()]
    if isinstance(spec.on_error, Skip) and any(isinstance(part, Batch | Program) for part in parts):
        yield "on_error", "skip puts single records aside, and batches and programs have none; leave it out"
    if spec.timeout is not None and (problem := problem_of_timeout(spec.timeout)):
        yield "timeout", problem


def _name_problems(spec: JobSpec) -> Iterator[Problem]:
    for place, names in (("inputs", spec.inputs), ("outputs", spec.outputs)):
        for name in names:
            if not isinstance(name, str) or not re.fullmatch(NAME, name):
                yield place, f"a name is letters, digits, _ and -, and begins with a letter, not {name!r:.80}"
    yield from (("files", problem) for name, path in spec.files.items() if (problem := problem_of(name, path)))


def _batch_problems(stage: StageSpec) -> Iterator[Problem]:
    if isinstance(stage.map, Batch) and not isinstance(stage.reduce, dict):
        yield "reduce", 'a batch is reduced by aggregations by column, as {"n": Sum()}'
    if isinstance(stage.reduce, dict) and not isinstance(stage.map, Batch):
        yield "map", "aggregations by column go with batches: write map=batch(f), where f takes and returns frames"
    if stage.reduce == {}:
        yield "reduce", 'at least one column is aggregated, as {"n": Sum()}'


def _aggregation_problems(stage: StageSpec) -> Iterator[Problem]:
    found: list[Any] = [stage.reduce] if isinstance(stage.reduce, Aggregate | list) else []
    for part in stage.reduce.values() if isinstance(stage.reduce, dict) else found:
        try:
            build(part)
        except InvalidAggregation as error:
            yield "reduce", str(error)


def _combiner_problems(stage: StageSpec) -> Iterator[Problem]:
    if not stage.combine or isinstance(stage.reduce, SortLines):
        return
    if stage.reduce is None:
        yield "combine", "there is no reducer to combine for; leave `combine` out, or give `reduce`"
    elif isinstance(stage.reduce, Aggregate | list | dict):
        yield "combine", "an aggregation combines by itself; leave `combine` out"
    elif isinstance(stage.combine, Program) != isinstance(stage.reduce, Program):
        yield "combine", "combiner and reducer are both programs, or both functions; write the other in kind, too"


def _input_problems(spec: JobSpec) -> Iterator[Problem]:
    """What an input's format and its own mapper don't go with."""
    first = spec.stages[0] if spec.stages else StageSpec()
    if spec.inputs and spec.input != Text():
        yield "input", "a job has either `input` or `inputs`: give each of the inputs its format, as Input(CSV())"
    for name, named in spec.inputs.items():
        yield from _refused(f"inputs.{name}.map", check, named.map, of=Program)
        if named.map and isinstance(first.map, Batch):
            yield f"inputs.{name}.map", "a batch maps all inputs; leave their own mappers out"
    inputs = {f"inputs.{name}": named for name, named in spec.inputs.items()}
    for place, named in (inputs or {"input": InputSpec(spec.input)}).items():
        if isinstance(named.map or first.map, Program):
            yield from _refused(place, check_input, named.format)
            if first.order and not isinstance(first.map, Program):  # which its stage has told
                yield "stages.0.order", "a total order is settled by a sample, which programs don't give; leave it out"


def _refused(place: str, check: Callable[[Any], None], part: Any, of: type = object) -> Iterator[Problem]:
    try:
        if isinstance(part, of):
            check(part)
    except InvalidCommand as error:
        yield place, str(error)
