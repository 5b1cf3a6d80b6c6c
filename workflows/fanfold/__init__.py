"""MapReduce in Python, on a laptop or as an Argo Workflow.

    from fanfold import Job, Sum

    def words(line):
        for word in line.split():
            yield word.lower(), 1

    job = Job(map=words, reduce=Sum())

Importing this loads nothing heavy: workers import it with every job.
"""

from fanfold.columns import batch
from fanfold.job import Job
from fanfold.programs import program
from fanfold.stage import Input, InvalidJob, Stage
from fanfold_steps.aggregations import (
    Aggregation,
    Collect,
    Count,
    CountDistinct,
    Distinct,
    First,
    Last,
    Max,
    Mean,
    Min,
    Sum,
    TopK,
    Variance,
)
from fanfold_steps.context import Context
from fanfold_steps.formats.declared import CSV, JSONL, TSV, Delimited, Fixed, InvalidFormat, Parquet, Table, Text, Whole
from fanfold_steps.policy import Fail, InvalidPolicy, Skip
from fanfold_steps.spec import SortLines
from fanfold_steps.to import To

__all__ = [
    "CSV",
    "JSONL",
    "TSV",
    "Aggregation",
    "Collect",
    "Context",
    "Count",
    "CountDistinct",
    "Delimited",
    "Distinct",
    "Fail",
    "First",
    "Fixed",
    "Input",
    "InvalidFormat",
    "InvalidJob",
    "InvalidPolicy",
    "Job",
    "Last",
    "Max",
    "Mean",
    "Min",
    "Parquet",
    "Skip",
    "SortLines",
    "Stage",
    "Sum",
    "Table",
    "Text",
    "To",
    "TopK",
    "Variance",
    "Whole",
    "batch",
    "program",
]
