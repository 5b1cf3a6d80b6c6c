"""What a stage says about partitions and orders, and what of that doesn't go together."""

from fanfold_steps.spec import Function, Program, StageSpec


def order_problem(stage: StageSpec) -> tuple[str, str] | None:
    """The field that doesn't fit, and why; None if all do.

    >>> order_problem(StageSpec(order="total"))
    ('order', 'without a reducer nothing is partitioned or sorted; leave it out')
    """
    given = {"partition": stage.partition, "sort_values": stage.sort_values, "order": stage.order}
    if stage.reduce is None:
        field = next((name for name, value in given.items() if value), None)
        return (field, "without a reducer nothing is partitioned or sorted; leave it out") if field else None
    if isinstance(stage.reduce, dict):
        field = next((name for name, value in given.items() if value), None)
        return (field, "batches are partitioned by a hash and sorted by key; leave it out") if field else None
    if stage.order and isinstance(stage.map, Program) | isinstance(stage.reduce, Program):
        return "order", "a total order is settled by a sample, which programs don't give; leave it out"
    if stage.order and stage.partition:
        return "partition", "the partitions of a total order are ranges of keys; leave `partition` or `order` out"
    if stage.sort_values and not isinstance(stage.reduce, Function):
        return (
            "sort_values",
            "an aggregation takes values in any order; and a program takes lines; write the reducer as a function",
        )
    return None
