"""What a stage says about partitions and orders, and what of that doesn't go together."""

from fanfold_steps.formats.declared import Text
from fanfold_steps.spec import Function, JobSpec, Program, SortLines, StageSpec


def order_problem(stage: StageSpec) -> tuple[str, str] | None:
    """The field that doesn't fit, and why; None if all do.

    >>> order_problem(StageSpec(order="total"))
    ('order', 'without a reducer nothing is partitioned or sorted; leave it out')
    """
    given: dict[str, object] = {"partition": stage.partition, "sort_values": stage.sort_values, "order": stage.order}
    if stage.reduce is None:
        field = _first(given)
        return (field, "without a reducer nothing is partitioned or sorted; leave it out") if field else None
    if isinstance(stage.reduce, SortLines):
        given = {"map": stage.map, "combine": stage.combine, **given, "order": None}
        field = _first(given)
        return (field, "lines are sorted as they are, through all parts; leave it out") if field else None
    if isinstance(stage.reduce, dict):
        field = _first(given)
        return (field, "batches are partitioned by a hash and sorted by key; leave it out") if field else None
    if stage.order and (isinstance(stage.map, Program) or isinstance(stage.reduce, Program)):
        return "order", "a total order is settled by a sample, which programs don't give; leave it out"
    if stage.order and stage.partition:
        return "partition", "the partitions of a total order are ranges of keys; leave `partition` or `order` out"
    if stage.sort_values and not isinstance(stage.reduce, Function):
        return (
            "sort_values",
            "an aggregation takes values in any order; and a program takes lines; write the reducer as a function",
        )
    return None


def lines_problem(spec: JobSpec) -> str | None:
    """Why a job can't sort lines as it says; None if it can, or doesn't say so.

    >>> lines_problem(JobSpec(stages=[StageSpec(reduce=SortLines()), StageSpec()]))
    'a job that sorts lines has no other stage'
    """
    if not any(isinstance(stage.reduce, SortLines) for stage in spec.stages):
        return None
    if len(spec.stages) > 1:
        return "a job that sorts lines has no other stage"
    if spec.inputs or not all(isinstance(one, Text) and not one.encoding for one in (spec.input, spec.output)):
        return "a job that sorts lines has one input, and reads and writes Text() without an encoding"
    return None


def _first(given: dict[str, object]) -> str | None:
    return next((name for name, value in given.items() if value), None)
