"""`fanfold explain`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import result, result_json, say
from fanfold_client.verbs.watching.where import with_run_or_client

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
    from fanfold.diagnosis.words import finding_line, skew_lines

    if run:
        explanation = _of_run(run)
    else:
        assert client
        explanation = client.tasks.explain(job)
    if as_json:
        result_json(explanation)
        return
    for finding in explanation["findings"]:
        result(finding_line(finding, job))
    for line in skew_lines(explanation["skew"]):
        say(line, dim=True)


def _of_run(run: "LocalRun") -> Any:
    from fanfold.diagnosis.explain import explain as explained
    from fanfold.diagnosis.skew import skews_of

    facts = run.facts()
    skews = skews_of(facts.tasks)
    findings = explained(facts, skews)
    return {"findings": [asdict(finding) for finding in findings], "skew": [asdict(skew) for skew in skews]}
