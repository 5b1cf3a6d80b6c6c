"""The rules that a job's parts must keep, for jobs written in Python and for specs written as JSON."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fanfold.rules.named_results import PROGRAM, named_results_problem
from fanfold.rules.orders import NO_SAMPLE, field_order_problems, lines_problem, order_problem
from fanfold.rules.resources import image_problem, resources_problems
from fanfold.rules.side_files import side_file_problem
from fanfold_steps.aggregations import InvalidAggregation, build
from fanfold_steps.job.formats import Parquet, Text
from fanfold_steps.job.policy import Skip, problem_of_timeout
from fanfold_steps.job.spec import (
    MOST_PARTITIONS,
    NAME,
    Aggregate,
    BatchFunction,
    InputSpec,
    JobSpec,
    Program,
    SortLines,
    StageSpec,
)
from fanfold_steps.programs.checks import check, check_input
from fanfold_steps.programs.command import InvalidCommand

LONGEST_VERSION = 100  # characters
Problem = tuple[str, str]
"""The path of a field, and what is wrong with it."""
_PARTS = ("map", "reduce", "combine")


def stage_problems(stage: StageSpec) -> Iterator[Problem]:
    """What is wrong with a stage taken by itself, the most important problem first.

    >>> list(stage_problems(StageSpec(partitions=2)))
    [('partitions', 'without a reducer, each split writes one part; leave it out')]
    """
    if problem := order_problem(stage):
        yield problem
    if stage.partitions is not None and not 1 <= stage.partitions <= MOST_PARTITIONS:
        yield "partitions", f"must be a number from 1 to {MOST_PARTITIONS:,}, not {stage.partitions}"
    if stage.partitions is not None and stage.reduce is None:
        yield "partitions", "without a reducer, each split writes one part; leave it out"
    if problem := named_results_problem(stage):
        yield problem
    yield from _aggregation_problems(stage)
    yield from _combiner_problems(stage)
    yield from field_order_problems(stage)
    for part in _PARTS:
        yield from _command_problem(part, check, getattr(stage, part), of=Program)
    if stage.resources:
        yield from resources_problems(stage.resources)


def job_problems(spec: JobSpec) -> Iterator[Problem]:
    """What is wrong with a job, each problem with the path of its field, the most important first.

    >>> in_columns = StageSpec(map=BatchFunction("m:f"), reduce={"n": Aggregate("Sum")})
    >>> list(job_problems(JobSpec(stages=[StageSpec(), in_columns])))
    [('stages.1.map', 'only the first stage of a job can map batches; write this one for records')]
    """
    yield from _name_problems(spec)
    for number, stage in enumerate(spec.stages):
        yield from ((f"stages.{number}.{field}", text) for field, text in stage_problems(stage))
        if number and isinstance(stage.map, Program) and (stage.map.feed != "lines" or stage.map.feed_lines):
            yield f"stages.{number}.map", "only the first stage reads files; leave out `feed` and `feed_lines`"
        if number and isinstance(stage.map, BatchFunction):
            yield f"stages.{number}.map", "only the first stage of a job can map batches; write this one for records"
    if problem := lines_problem(spec):
        yield "stages", problem
    yield from _input_problems(spec)
    parts = [getattr(stage, part) for stage in spec.stages for part in _PARTS]
    parts += [named.map for named in spec.inputs.values()]
    if isinstance(spec.on_error, Skip) and any(isinstance(part, BatchFunction | Program) for part in parts):
        yield "on_error", "Skip() quarantines single records, which batches and programs don't have; leave it out"
    if spec.timeout is not None and (problem := problem_of_timeout(spec.timeout)):
        yield "timeout", problem
    if spec.resources:
        yield from resources_problems(spec.resources)
    if spec.image is not None and (problem := image_problem(spec.image)):
        yield "image", problem
    version: object = spec.task_version
    if version is not None and not (isinstance(version, str) and 0 < len(version) <= LONGEST_VERSION):
        what = f'must be a text of 1 to {LONGEST_VERSION} characters, such as "1", not {version!r:.80}'
        yield "task_version", what


def _name_problems(spec: JobSpec) -> Iterator[Problem]:
    for place, names in (("inputs", spec.inputs), ("outputs", spec.outputs)):
        for name in names:
            if not isinstance(name, str) or not re.fullmatch(NAME, name):
                yield (
                    place,
                    f"a name consists of letters, digits, _ and -, and begins with a letter; {name!r:.80} doesn't",
                )
    yield from (("files", problem) for name, path in spec.files.items() if (problem := side_file_problem(name, path)))


def _aggregation_problems(stage: StageSpec) -> Iterator[Problem]:
    parts: list[Any] = [stage.reduce] if isinstance(stage.reduce, Aggregate | list) else []
    for part in stage.reduce.values() if isinstance(stage.reduce, dict) else parts:
        try:
            build(part)
        except InvalidAggregation as error:
            yield "reduce", str(error)


def _combiner_problems(stage: StageSpec) -> Iterator[Problem]:
    if not stage.combine or isinstance(stage.reduce, SortLines):
        return
    if stage.reduce is None:
        yield "combine", "a combiner needs a reducer; leave out `combine`, or add `reduce`"
    elif isinstance(stage.reduce, Aggregate | list | dict):
        yield "combine", "an aggregation brings its own combiner; leave out `combine`"
    elif isinstance(stage.combine, Program) != isinstance(stage.reduce, Program):
        yield "combine", "combiner and reducer must both be programs, or both be functions"


def _input_problems(spec: JobSpec) -> Iterator[Problem]:
    """What is wrong with the inputs, their formats and their own mappers."""
    first = spec.stages[0] if spec.stages else StageSpec()
    if spec.inputs and spec.input != Text():
        yield "input", "a job has either `input` or `inputs`; set the format of each of the `inputs`, as Input(CSV())"
    for name, named in spec.inputs.items():
        yield from _command_problem(f"inputs.{name}.map", check, named.map, of=Program)
        if isinstance(named.map, Program) and isinstance(first.reduce, dict):
            yield f"inputs.{name}.map", PROGRAM
        if named.map and isinstance(first.map, BatchFunction):
            yield f"inputs.{name}.map", "a batch function maps all inputs; leave out their own mappers"
    inputs = {f"inputs.{name}": named for name, named in spec.inputs.items()}
    for place, named in (inputs or {"input": InputSpec(spec.input)}).items():
        mapper = named.map or first.map
        if isinstance(named.format, Parquet) and named.format.schema:
            yield place, "a `schema` declares the columns of an output; the files of an input have types of their own"
        if isinstance(mapper, Program):
            yield from _command_problem(place, partial(check_input, feed=mapper.feed), named.format)
            if first.order and not isinstance(first.map, Program):  # or its stage has this problem already
                yield "stages.0.order", NO_SAMPLE


def _command_problem(place: str, check: Callable[[Any], None], part: Any, of: type = object) -> Iterator[Problem]:
    try:
        if isinstance(part, of):
            check(part)
    except InvalidCommand as error:
        yield place, str(error)
