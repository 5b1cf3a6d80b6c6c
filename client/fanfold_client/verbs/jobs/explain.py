"""`fanfold explain`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import result, result_json
from fanfold_client.verbs.jobs.where import with_run_or_client

if TYPE_CHECKING:
    from fanfold.diagnosis.local import LocalRun
    from fanfold_client.client import Client


@click.command()
@click.argument("job", metavar="ID|OUTPUT")
@with_run_or_client
def explain(job: str, run: "LocalRun | None", client: "Client | None", as_json: bool) -> None:
    """Say what bounds a job, and what to change.

    ID is a job in the service; OUTPUT is the output folder of `fanfold run`.
    """
    findings = _of_run(run) if run else client.tasks.explain(job) if client else []
    if as_json:
        result_json({"findings": findings})
        return
    for finding in findings:
        result(f"{finding['message']} {finding['change']}".strip().replace("logs ID", f"logs {job}"))


def _of_run(run: "LocalRun") -> Sequence[Any]:
    from fanfold.diagnosis.explain import explain as explained

    return [asdict(finding) for finding in explained(run.facts())]
