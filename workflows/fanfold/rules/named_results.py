"""The rules for named aggregations and for the key that goes with them."""

from fanfold_steps.job.spec import Aggregate, BatchFunction, Program, StageSpec

PROGRAM = "a program writes lines, and named aggregations need records with fields; write the mapper as a function"


def named_results_problem(stage: StageSpec) -> tuple[str, str] | None:
    """The field of a stage that contradicts another one, and why; None if there is none.

    >>> named_results_problem(StageSpec(reduce={"n": Aggregate("Count")}))
    ('key', 'named aggregations need a key; name its fields, as key=("host", "day")')
    """
    if isinstance(stage.reduce, dict):
        return _missing_or_clashing_names(stage, stage.reduce) or _rows_problem(stage.reduce)
    if isinstance(stage.map, BatchFunction):
        return "reduce", 'a batch must be reduced by aggregations of columns, such as {"n": Sum()}'
    if stage.key is not None:
        return "key", 'only named aggregations take a key, as reduce={"hits": Count()}; leave it out'
    for one in stage.reduce if isinstance(stage.reduce, list) else [stage.reduce]:
        if isinstance(one, Aggregate) and (one.field or one.rows):
            what = f"{one.aggregate} with {'a field' if one.field else 'rows'} must be a named aggregation"
            return "reduce", f'{what}; write reduce={{"{one.field or "name"}": {one.aggregate}(…)}} and key=(…)'
    return None


def _missing_or_clashing_names(stage: StageSpec, reduce: dict[str, Aggregate]) -> tuple[str, str] | None:
    """Names that the key or the aggregations lack, repeat or share; and a mapper whose records have no names."""
    if not reduce:
        return "reduce", 'name at least one column to aggregate, such as {"n": Sum()}'
    if isinstance(stage.map, Program):
        return "map", PROGRAM
    if stage.key is None:
        is_batch = isinstance(stage.map, BatchFunction)
        return None if is_batch else ("key", 'named aggregations need a key; name its fields, as key=("host", "day")')
    if not stage.key or len({*stage.key}) < len(stage.key):
        return "key", "must name at least one field, and each only once"
    if both := next((name for name in stage.key if name in reduce), None):
        return "reduce", f"{both!r} is the name of a field of the key as well; rename the aggregation"
    return None


def _rows_problem(reduce: dict[str, Aggregate]) -> tuple[str, str] | None:
    listed = [name for name, one in reduce.items() if one.rows]
    if len(listed) > 1:
        return "reduce", f"only one aggregation can have rows=True, not both {listed[0]!r} and {listed[1]!r}"
    return None
