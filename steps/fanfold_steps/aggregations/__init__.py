"""Aggregations: combiner and reducer in one. A map task folds values as they come and writes one state for each key."""

from fanfold_steps.aggregations.named import AGGREGATIONS, InvalidAggregation, build
from fanfold_steps.aggregations.numeric import Count, Mean, Sum, Variance
from fanfold_steps.aggregations.ordered import CountDistinct, Distinct, Max, Min, TopK
from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.aggregations.sequence import Collect, First, Last
from fanfold_steps.aggregations.several import TupleAggregation

__all__ = [
    "AGGREGATIONS",
    "Aggregation",
    "Collect",
    "Count",
    "CountDistinct",
    "Distinct",
    "First",
    "InvalidAggregation",
    "Last",
    "Max",
    "Mean",
    "Min",
    "Sum",
    "TopK",
    "TupleAggregation",
    "Variance",
    "build",
]
