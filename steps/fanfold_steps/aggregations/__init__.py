"""Aggregations: combiner and reducer in one, so that a mapper folds values as they come and sends one for each key."""

from fanfold_steps.aggregations.named import AGGREGATIONS, InvalidAggregation, build
from fanfold_steps.aggregations.numeric import Count, Mean, Sum, Variance
from fanfold_steps.aggregations.ordered import CountDistinct, Distinct, Max, Min, TopK
from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.aggregations.sequence import Collect, First, Last
from fanfold_steps.aggregations.together import Together

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
    "Together",
    "TopK",
    "Variance",
    "build",
]
