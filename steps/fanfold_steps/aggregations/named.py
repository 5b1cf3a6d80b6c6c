"""Aggregations from their names and arguments in a spec."""

from typing import Any

from fanfold_steps.aggregations.numeric import Count, Mean, Sum, Variance
from fanfold_steps.aggregations.ordered import CountDistinct, Distinct, Max, Min, TopK
from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.aggregations.sequence import Collect, First, Last
from fanfold_steps.aggregations.several import RowAggregation, TupleAggregation
from fanfold_steps.job.spec import Aggregate

AGGREGATIONS: dict[str, type[Aggregation]] = {
    kind.__name__: kind
    for kind in (Sum, Count, Min, Max, Mean, Variance, TopK, Distinct, CountDistinct, First, Last, Collect)
}


class InvalidAggregation(ValueError):
    """There is no such aggregation, or its arguments don't fit."""


def build(spec: Aggregate | list[Aggregate] | dict[str, Aggregate]) -> Aggregation:
    """The aggregation of a spec; for a list or a dict, one that combines all of them. Raises InvalidAggregation.

    >>> build(Aggregate("TopK", [3])).arguments
    (3,)
    """
    if isinstance(spec, list):
        if not spec:
            raise InvalidAggregation("a list of aggregations can't be empty")
        return TupleAggregation([build(part) for part in spec])
    if isinstance(spec, dict):
        return RowAggregation({name: build(part) for name, part in spec.items()})
    if spec.aggregate not in AGGREGATIONS:
        raise InvalidAggregation(f"there is no aggregation {spec.aggregate!r}: there are {', '.join(AGGREGATIONS)}")
    try:
        named: dict[str, Any] = {"field": spec.field} if spec.field is not None else {}
        kind: Any = AGGREGATIONS[spec.aggregate]
        aggregation: Aggregation = kind(*spec.arguments, **named, **({"rows": True} if spec.rows else {}))
        return aggregation
    except TypeError as error:
        many = f"{len(spec.arguments)} arguments" if len(spec.arguments) != 1 else "an argument"
        many = "a field" if spec.field else "rows" if spec.rows else many
        raise InvalidAggregation(f"{spec.aggregate} doesn't take {many}: {error}") from error
    except ValueError as error:
        raise InvalidAggregation(str(error)) from error
