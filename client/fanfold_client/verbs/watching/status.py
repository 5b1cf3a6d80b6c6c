"""`fanfold status`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import columns, number, quantity, result, result_json, say, size
from fanfold.terminal.counted import forgotten_yield
from fanfold_client.verbs.options import with_client
from fanfold_steps.tree.counters import OWN_GROUP

if TYPE_CHECKING:
    from fanfold_client.api.responses import Job, Step
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@with_client
def status(client: "Client", job_id: str, as_json: bool) -> None:
    """Show a job's state, and why it failed."""
    from fanfold_client.jobs.submitting import say_notes
    from fanfold_client.verbs.watching.ending import explained, report_problem, say_findings

    job = client.jobs.get(job_id)
    explanation = explained(client, job_id)
    if as_json:
        result_json({**job, **explanation})
        return
    for name, value in _facts(job):
        if value:
            result(f"{name:<9} {value}")
    several = len(job["stages"]) > 1
    steps = [_row(f"{stage['index']} " * several, step) for stage in job["stages"] for step in stage["steps"]]
    if steps:
        result("")
        columns(steps)
    if job["state"] == "succeeded":
        for question in forgotten_yield(job["counters"].get(OWN_GROUP, {})):
            say(question)
    say_notes(job)
    report_problem(job)
    say_findings(explanation, job_id)


def _facts(job: "Job") -> list[tuple[str, str | None]]:
    from fanfold_client.jobs.ending import quarantine_of, skipped_in
    from fanfold_client.jobs.waiting import why_it_waits

    used = job.get("worker_seconds", 0.0)
    workflow, skipped = job["workflow"], skipped_in(job)
    ending = " (cancelling)" if job["desired"] == "cancel" and not job["finished"] else ""
    return [
        ("job", f"{job['id']}  {job['name']}"),
        ("owner", job["owner"]),
        ("state", job["state"] + ending),
        ("waiting", why_it_waits(job)),
        ("priority", str(job["priority"]) if job.get("priority") else None),
        ("started", None if job.get("admitted", True) else "by its Workflow, not by this service"),
        ("run", f"{job['runs']}, retried {job['retried']}" if job.get("runs", 1) > 1 else None),
        ("logs", _earlier_log(job)),
        ("output", job["output"]),
        ("created", job["created"]),
        ("started", job["started"]),
        ("finished", job["finished"]),
        ("skipped", f"{quantity(skipped, 'bad record')}; {quarantine_of(job)}" if skipped else None),
        ("used", f"{used:,.1f} worker-seconds" if used else None),
        ("notify", _told(job)),
        ("workflow", f"{workflow['namespace']}/{workflow['name']}" if workflow and job["engine"] == "argo" else None),
        ("argo ui", workflow.get("url") if workflow else None),
    ]


def _earlier_log(job: "Job") -> str | None:
    """How to read the log of what was before the last run that began anew."""
    begun = max(job.get("anew", ()), default=None)
    return f"before run {begun}: fanfold logs {job['id']} --run {begun - 1}" if begun else None


def _told(job: "Job") -> str | None:
    """How far notifying the job's URL has got."""
    if not (url := job.get("notify")):
        return None
    if not (notified := job.get("notified")):
        return f"{url}  when it has ended"
    why = f": {notified['error']}" if notified["error"] else ""
    return f"{url}  {notified['state']} ({quantity(notified['attempts'], 'attempt')}){why}"


def _row(stage: str, step: "Step") -> tuple[str, str, str, str]:
    tasks = "?" if step["tasks"] is None else str(step["tasks"])
    records = quantity(step["records"], "record", number(step["records"]))
    return stage + step["step"], f"{step['done']}/{tasks}", records, size(step["bytes"])
