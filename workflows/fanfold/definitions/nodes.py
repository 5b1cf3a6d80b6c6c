"""A job as a task of a user's own DAG, or as a step of their own Steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hera.workflows import Step, Task

from fanfold.definitions.job import LONGEST_NAME, DefinedJob, check_name
from fanfold.definitions.templates import templates_of


@dataclass(kw_only=True)
class JobTask(Task):
    """A task that runs a job."""

    output: str = ""
    """The folder to which the job writes: what a task after it reads."""


@dataclass(kw_only=True)
class JobStep(Step):
    """A step that runs a job."""

    output: str = ""
    """The folder to which the job writes: what a step after it reads."""


def task(job: DefinedJob, name: str, options: Mapping[str, Any]) -> JobTask:
    """The job as a task, to be made inside `with DAG(…)` inside `with Workflow(…)`; its templates join the Workflow's.

    Args:
        job: the job.
        name: the task's name, and that of the job's first template.
        options: `NodeOptions`.

    Raises:
        Refused: it can't have that name.
    """
    return JobTask(**_node(job, name), **_of_hera(options))


def step(job: DefinedJob, name: str, options: Mapping[str, Any]) -> JobStep:
    """The job as a step, to be made inside `with Steps(…)`. Raises Refused: it can't have that name."""
    return JobStep(**_node(job, name), **_of_hera(options))


def _node(job: DefinedJob, name: str) -> dict[str, Any]:
    """What Hera is told of the node, whose templates are added to the Workflow that is being written."""
    entry = templates_of(check_name("a task", name, LONGEST_NAME), job)[0]
    return {
        "name": name,
        "template": entry.name,
        "arguments": dict(job.parameters),
        "output": job.parameters["output"],
    }


def _of_hera(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("with_items", "with_param", "when", "depends") if name in options}
