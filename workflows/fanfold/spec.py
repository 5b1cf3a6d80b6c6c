"""Check a JobSpec that came from outside, and publish its JSON Schema."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fanfold.orders import lines_problem, order_problem
from fanfold.side_files import leaves, problem_of
from fanfold.spec_problems import told
from fanfold_steps.aggregations import InvalidAggregation, build
from fanfold_steps.policy import Skip, problem_of_timeout
from fanfold_steps.programs.checks import check, check_input
from fanfold_steps.programs.command import InvalidCommand
from fanfold_steps.spec import MOST_PARTITIONS, NAME, Batch, Function, InputSpec, JobSpec, Program, SortLines, StageSpec

_ADAPTER = TypeAdapter(JobSpec)
_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_PARTS = ("map", "reduce", "combine")
_REFERENCE = re.compile(f"{_NAME}:{_NAME}")


class InvalidSpec(ValueError):
    """Not a JobSpec; the text names each wrong place as a path (`stages.0.map.function: …`)."""


def parse(data: dict[str, Any]) -> JobSpec:
    """A JobSpec from JSON that anyone may have written.

    Raises:
        InvalidSpec: a field is missing, unknown or of the wrong form, or the parts don't fit together.
    """
    try:
        spec = _ADAPTER.validate_python(data, strict=False, extra="forbid")
    except ValidationError as error:
        raise InvalidSpec(f"not a JobSpec: {told(error.errors())}") from error
    if bool(spec.entry) == bool(spec.stages):
        raise InvalidSpec("a JobSpec has either `stages` or an `entry` (`module:name` of a Job), not both or neither")
    if spec.bundle is not None and not re.fullmatch(r"[0-9a-f]{64}", spec.bundle):
        raise InvalidSpec(f"bundle: a SHA-256 in 64 lower-case hex digits, not {spec.bundle!r:.80}")
    for reference in _references(spec):
        if not _REFERENCE.fullmatch(reference):
            raise InvalidSpec(f"a function is named as module:name, not {reference!r:.80}")
    for place, names in (("inputs", spec.inputs), ("outputs", spec.outputs)):
        for name in names:
            if not re.fullmatch(NAME, name):
                what = f"{place}: a name is letters, digits, _ and -, and begins with a letter"
                raise InvalidSpec(f"{what}, not {name!r:.80}")
    for number, stage in enumerate(spec.stages):
        _check_stage(f"stages.{number}", stage)
        _check_batch(f"stages.{number}", stage, spec, first=not number)
    if problem := lines_problem(spec):
        raise InvalidSpec(problem)
    _check_side_files(spec)
    _check_skip(spec)
    _check_programs(spec)
    if spec.timeout is not None and (problem := problem_of_timeout(spec.timeout)):
        raise InvalidSpec(problem)
    return spec


def _check_batch(place: str, stage: StageSpec, spec: JobSpec, *, first: bool) -> None:
    if isinstance(stage.map, Batch) != isinstance(stage.reduce, dict):
        raise InvalidSpec(f"{place}: a batch is reduced by aggregations by column (a dict), and nothing else is")
    if stage.reduce == {}:
        raise InvalidSpec(f"{place}.reduce: at least one column is aggregated")
    if isinstance(stage.map, Batch) and not first:
        raise InvalidSpec(f"{place}.map: only the first stage can be one of batches")
    if isinstance(stage.map, Batch) and any(named.map for named in spec.inputs.values()):
        raise InvalidSpec(f"{place}.map: a batch maps all inputs; leave their own mappers out")


def _check_skip(spec: JobSpec) -> None:
    parts = [part for stage in spec.stages for part in (stage.map, stage.combine, stage.reduce)]
    parts += [named.map for named in spec.inputs.values()]
    if isinstance(spec.on_error, Skip) and any(isinstance(part, Batch | Program) for part in parts):
        raise InvalidSpec("on_error: skip puts single records aside, and batches and programs have none; leave it out")


def _check_side_files(spec: JobSpec) -> None:
    for name, path in spec.files.items():
        problem = problem_of(name, path)
        if not problem and leaves(path):
            problem = f"the side file {name} lies in the bundle, by a path like lists/stop.txt, not at {path!r:.80}"
        if problem or spec.bundle is None:
            raise InvalidSpec(f"files: {problem or 'side files lie in the bundle, but the spec names none'}")


def _check_programs(spec: JobSpec) -> None:
    inputs = {f"inputs.{name}": named for name, named in spec.inputs.items()}
    parts = {f"{place}.map": named.map for place, named in inputs.items()}
    for number, stage in enumerate(spec.stages):
        parts |= {f"stages.{number}.{part}": getattr(stage, part) for part in _PARTS}
    for place, part in parts.items():
        if isinstance(part, Program):
            _valid(place, check, part)
    first = spec.stages[0].map if spec.stages else None
    for place, named in (inputs or {"input": InputSpec(spec.input)}).items():
        if isinstance(named.map or first, Program):
            _valid(place, check_input, named.format)
            if spec.stages and spec.stages[0].order:
                raise InvalidSpec("stages.0.order: a total order is settled by a sample, which programs don't give")


def _check_stage(place: str, stage: StageSpec) -> None:
    if stage.partitions is not None and not 1 <= stage.partitions <= MOST_PARTITIONS:
        raise InvalidSpec(f"{place}.partitions: a number from 1 to {MOST_PARTITIONS:,}, not {stage.partitions}")
    if problem := order_problem(stage):
        raise InvalidSpec(f"{place}.{problem[0]}: {problem[1]}")
    if stage.reduce is None:
        if stage.partitions is not None:
            raise InvalidSpec(f"{place}.partitions: without a reducer there is a part for each split; leave it out")
        if stage.combine:
            raise InvalidSpec(f"{place}.combine: there is no reducer to combine for; leave `combine` out")
    elif not isinstance(stage.reduce, Function | Program | SortLines):
        try:
            for part in stage.reduce.values() if isinstance(stage.reduce, dict) else [stage.reduce]:
                build(part)
        except InvalidAggregation as error:
            raise InvalidSpec(f"{place}.reduce: {error}") from error
        if stage.combine:
            raise InvalidSpec(f"{place}.combine: an aggregation combines by itself; leave `combine` out")
    elif stage.combine and isinstance(stage.combine, Program) != isinstance(stage.reduce, Program):
        raise InvalidSpec(f"{place}.combine: combiner and reducer are both programs, or both functions")


def _valid(place: str, check: Callable[[Any], None], part: Any) -> None:
    try:
        check(part)
    except InvalidCommand as error:
        raise InvalidSpec(f"{place}: {error}") from error


def _references(spec: JobSpec) -> Iterator[str]:
    if spec.entry:
        yield spec.entry
    if spec.params:
        yield spec.params.function
    for named in spec.inputs.values():
        if isinstance(named.map, Function):
            yield named.map.function
    for stage in spec.stages:
        for part in (stage.map, stage.reduce, stage.combine, stage.partition):
            if isinstance(part, Function):
                yield part.function
            elif isinstance(part, Batch):
                yield part.batch


def to_json(spec: JobSpec) -> str:
    """A spec in the form that `parse` takes."""
    return _ADAPTER.dump_json(spec).decode()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a JobSpec (draft 2020-12)."""
    return _ADAPTER.json_schema()
