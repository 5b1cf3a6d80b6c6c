"""Aggregations by the names and arguments that a spec has them by."""

from fanfold_steps.aggregations.numeric import Count, Mean, Sum, Variance
from fanfold_steps.aggregations.ordered import CountDistinct, Distinct, Max, Min, TopK
from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.aggregations.sequence import Collect, First, Last
from fanfold_steps.aggregations.together import Together
from fanfold_steps.spec import Aggregate

AGGREGATIONS: dict[str, type[Aggregation]] = {
    kind.__name__: kind
    for kind in (Sum, Count, Min, Max, Mean, Variance, TopK, Distinct, CountDistinct, First, Last, Collect)
}


class InvalidAggregation(ValueError):
    """There is no such aggregation, or its arguments don't fit."""


def build(spec: Aggregate | list[Aggregate]) -> Aggregation:
    """The aggregation that a spec names; of a list, all of them together. Raises InvalidAggregation.

    >>> build(Aggregate("TopK", [3])).arguments
    (3,)
    """
    if isinstance(spec, list):
        if not spec:
            raise InvalidAggregation("a list of aggregations can't be empty")
        return Together([build(part) for part in spec])
    if spec.aggregate not in AGGREGATIONS:
        raise InvalidAggregation(f"there is no aggregation {spec.aggregate!r}: there are {', '.join(AGGREGATIONS)}")
    try:
        return AGGREGATIONS[spec.aggregate](*spec.arguments)
    except TypeError as error:
        many = f"{len(spec.arguments)} arguments" if len(spec.arguments) != 1 else "an argument"
        raise InvalidAggregation(f"{spec.aggregate} doesn't take {many}: {error}") from error
    except ValueError as error:
        raise InvalidAggregation(str(error)) from error
