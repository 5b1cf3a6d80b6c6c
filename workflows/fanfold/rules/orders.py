"""The rules for partitions, orders and the sort of lines."""

from collections.abc import Iterator

from fanfold_steps.job.formats import Text
from fanfold_steps.job.spec import BatchFunction, Function, JobSpec, Program, SortLines, StageSpec
from fanfold_steps.programs.field_order import InvalidOptions, parse

NO_SAMPLE = "a total order needs a sample of the keys, which programs don't provide; leave it out"


def order_problem(stage: StageSpec) -> tuple[str, str] | None:
    """The field of a stage that contradicts another one, and why; None if there is none.

    >>> order_problem(StageSpec(order="total"))
    ('order', 'without a reducer, nothing is partitioned or sorted; leave it out')
    """
    fields: dict[str, object] = {"partition": stage.partition, "sort_values": stage.sort_values, "order": stage.order}
    if stage.reduce is None:
        field = _first_set(fields)
        return (field, "without a reducer, nothing is partitioned or sorted; leave it out") if field else None
    if isinstance(stage.reduce, SortLines):
        field = _first_set({"map": stage.map, "combine": stage.combine, **fields, "order": None})
        return (field, "SortLines() sorts whole lines across all parts; leave it out") if field else None
    if isinstance(stage.map, BatchFunction) and isinstance(stage.reduce, dict):
        field = _first_set(fields)
        return (field, "batches are always partitioned by hash and sorted by key; leave it out") if field else None
    if stage.order and (isinstance(stage.map, Program) or isinstance(stage.reduce, Program)):
        return "order", NO_SAMPLE
    if stage.order and stage.partition:
        return "partition", "a total order uses ranges of keys as partitions; leave out `partition` or `order`"
    if stage.sort_values and not isinstance(stage.reduce, Function):
        return (
            "sort_values",
            "only a reducer that is a function receives its values in order, not an aggregation or a program; write "
            "it as a function",
        )
    return None


def field_order_problems(stage: StageSpec) -> Iterator[tuple[str, str]]:
    """The fields of a stage's order by fields that are wrong, and why.

    >>> from fanfold_steps.job.spec import FieldOrder
    >>> list(field_order_problems(StageSpec(reduce=Program("cat"), fields=FieldOrder(sort="-k0"))))
    [('fields.sort', "'-k0': fields and characters are counted from 1")]
    """
    if stage.fields is None:
        return
    if not isinstance(stage.reduce, Program):
        yield "fields", "only lines for a reducer that is a program are sorted by fields; leave it out"
    if not stage.fields.separator or "\n" in stage.fields.separator:
        yield (
            "fields.separator",
            f"must be at least one character, and not a line break; not {stage.fields.separator!r:.80}",
        )
    for name in ("sort", "partition"):
        try:
            parse(getattr(stage.fields, name))
        except InvalidOptions as error:
            yield f"fields.{name}", str(error)


def lines_problem(spec: JobSpec) -> str | None:
    """Why a job that uses `SortLines()` is invalid; None if it isn't, or doesn't use it.

    >>> lines_problem(JobSpec(stages=[StageSpec(reduce=SortLines()), StageSpec()]))
    'SortLines() must be the only stage of a job'
    """
    if not any(isinstance(stage.reduce, SortLines) for stage in spec.stages):
        return None
    if len(spec.stages) > 1:
        return "SortLines() must be the only stage of a job"
    if spec.inputs or not all(isinstance(one, Text) and not one.encoding for one in (spec.input, spec.output)):
        return "a job with SortLines() has a single input, and reads and writes Text() without an encoding"
    return None


def _first_set(fields: dict[str, object]) -> str | None:
    return next((name for name, value in fields.items() if value), None)
