"""Workflows, WorkflowTemplates and CronWorkflows that consist of one job."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hera.workflows import CronWorkflow, Parameter, Workflow, WorkflowTemplate
from hera.workflows.models import PodGC, TTLStrategy, WorkflowTemplateRef

from fanfold.definitions.job import DefinedJob, check_name, slug
from fanfold.definitions.places import has_variable
from fanfold.definitions.templates import labels_of, templates_of
from fanfold.engines.argo.workflow import API_VERSION, KEEP_FAILED_SECONDS, KEEP_SUCCEEDED_SECONDS
from fanfold.errors import Refused

__all__ = ["CronWorkflow", "Workflow", "WorkflowTemplate", "cron_workflow", "workflow", "workflow_template"]

LONGEST_CRON_NAME = 52  # Argo adds the time
SCHEDULED = "{{workflow.scheduledTime}}"


def workflow(job: DefinedJob, *, name: str | None = None, generate_name: str | None = None) -> Workflow:
    """The Workflow that runs the job once. Raises Refused: it can't have that name."""
    called: dict[str, Any]
    if name is not None:
        called = {"name": check_name("a Workflow", name)}
    else:
        called = {"generate_name": generate_name or f"{slug(job.definition.spec.name)}-"}
    return Workflow(kind="Workflow", arguments=_arguments(job), **called, **_common(job), **_templates(job))


def workflow_template(job: DefinedJob, *, name: str) -> WorkflowTemplate:
    """A WorkflowTemplate with the job's parameters. Raises Refused: it can't have that name."""
    check_name("a WorkflowTemplate", name)
    common = {**_common(job), **_templates(job)}
    return WorkflowTemplate(kind="WorkflowTemplate", name=name, arguments=_arguments(job), **common)


def cron_workflow(
    job: DefinedJob,
    *,
    name: str,
    schedules: Sequence[str],
    timezone: str | None = None,
    template: str | None = None,
) -> CronWorkflow:
    """A CronWorkflow that runs the job at certain times.

    Args:
        job: the job.
        name: the CronWorkflow's name.
        schedules: as cron writes them, such as `0 3 * * *`.
        timezone: such as `Europe/Berlin`; by default that of Argo's controller, mostly UTC.
        template: the WorkflowTemplate of the job to run, which then holds all but the parameters.

    Raises:
        Refused: a name or a schedule isn't one, or every run would write to the same output.
    """
    check_name("a CronWorkflow", name, LONGEST_CRON_NAME)
    _check_schedules(schedules, timezone)
    output = job.parameters["output"] or ""
    if not has_variable(output):
        what = f"every run would write to the same output {output}, and only the first could"
        raise Refused(f"{what}: put a variable into it, as in {output}{SCHEDULED}/")
    times: dict[str, Any] = {"name": name, "schedules": list(schedules), "timezone": timezone}
    runs: dict[str, Any] = (
        {"workflow_template_ref": WorkflowTemplateRef(name=template)} if template else _templates(job)
    )
    return CronWorkflow(kind="CronWorkflow", arguments=_arguments(job), **times, **_common(job), **runs)


def _common(job: DefinedJob) -> dict[str, Any]:
    """What all kinds have in common."""
    places = {name: value or f"the parameter {name}" for name, value in job.parameters.items()}
    inputs = [place for name, place in places.items() if name.startswith("input")]
    return {
        "api_version": API_VERSION,
        "namespace": job.pods.namespace,
        "labels": labels_of(job),
        "annotations": {
            "workflows.argoproj.io/title": job.definition.spec.name,
            "workflows.argoproj.io/description": f"{', '.join(inputs)} → {places['output']}",
        },
    }


def _templates(job: DefinedJob) -> dict[str, Any]:
    """The templates, and how long what ran them is kept."""
    name = slug(job.definition.spec.name)
    return {
        "entrypoint": name,
        "templates": list(templates_of(name, job)),
        "pod_gc": PodGC(strategy="OnPodSuccess"),  # failed pods stay, with their logs
        "ttl_strategy": TTLStrategy(
            seconds_after_success=KEEP_SUCCEEDED_SECONDS, seconds_after_completion=KEEP_FAILED_SECONDS
        ),
        "active_deadline_seconds": job.pods.deadline,
    }


def _arguments(job: DefinedJob) -> list[Parameter]:
    return [
        Parameter(name=name) if value is None else Parameter(name=name, value=value)
        for name, value in job.parameters.items()
    ]


def _check_schedules(schedules: Sequence[str], timezone: str | None) -> None:
    if isinstance(schedules, str) or not schedules:
        raise Refused(f'schedules must be a list, such as ["0 3 * * *"], not {schedules!r:.80}')
    for schedule in schedules:
        if len(schedule.split()) != 5 and not schedule.startswith("@"):
            what = f"the schedule {schedule!r:.80} must have five fields"
            raise Refused(f"{what}: minute, hour, day, month, day of the week, as in 0 3 * * *")
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Refused(f"there is no time zone {timezone!r:.80}: write it as in Europe/Berlin") from error
