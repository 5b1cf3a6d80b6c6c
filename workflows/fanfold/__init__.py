"""MapReduce in Python, on a laptop or as an Argo Workflow.

    from fanfold import Job, Sum

    def words(line):
        for word in line.split():
            yield word.lower(), 1

    job = Job(map=words, reduce=Sum())

Workers import this package with every job, so importing it loads nothing heavy.
"""

from fanfold.authoring.batch import batch
from fanfold.authoring.job import Job
from fanfold.authoring.programs import program
from fanfold.authoring.stage import Input, Stage
from fanfold.errors import InvalidJob
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
from fanfold_steps.job.formats import CSV, JSONL, TSV, Delimited, Fixed, InvalidFormat, Parquet, Table, Text, Whole
from fanfold_steps.job.policy import Fail, InvalidPolicy, Skip
from fanfold_steps.job.resources import Resources, Toleration
from fanfold_steps.job.spec import SortLines
from fanfold_steps.outputs.to import To
from fanfold_steps.user_code.context import Context

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
    "Resources",
    "Skip",
    "SortLines",
    "Stage",
    "Sum",
    "Table",
    "Text",
    "To",
    "Toleration",
    "TopK",
    "Variance",
    "Whole",
    "batch",
    "program",
]
