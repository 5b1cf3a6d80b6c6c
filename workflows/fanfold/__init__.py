"""MapReduce in Python, on a laptop or as an Argo Workflow.

    from fanfold import Job, Sum

    def words(line):
        for word in line.split():
            yield word.lower(), 1

    job = Job(map=words, reduce=Sum())

Workers import this package with every job, so importing it loads nothing heavy. `fanfold.Client`, the services' client,
belongs to a layer above: it is found by its entry point when it is first asked for.
"""

from typing import TYPE_CHECKING

from fanfold.authoring.batch import batch
from fanfold.authoring.job import Job
from fanfold.authoring.programs import program
from fanfold.authoring.stage import Input, Stage
from fanfold.dependencies import restart as _restart
from fanfold.errors import InvalidJob, JobFailed, Refused
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

if TYPE_CHECKING:  # for editors and type checkers alone
    from typing import Any

    from fanfold_client.client import Client as Client

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
    "JobFailed",
    "Last",
    "Max",
    "Mean",
    "Min",
    "Parquet",
    "Refused",
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

_restart.restart_with_packages()


def __getattr__(name: str) -> "Any":
    """`Client`, from the layer that registers it. Raises ModuleNotFoundError: what it needs isn't installed."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import entry_points

    from fanfold_storage.extras import to_install

    mend = f"and fanfold.Client needs it. Run: {to_install('client')}"
    found = [*entry_points(group="fanfold.client", name=name)]
    if not found:
        raise ModuleNotFoundError(f"fanfold_client is not installed, {mend}", name="fanfold_client")
    try:
        return found[0].load()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error.name} is not installed, {mend}", name=error.name) from error
