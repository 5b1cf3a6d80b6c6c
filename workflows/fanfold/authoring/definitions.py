"""What a `Job` offers to those who define Workflows with Hera."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from fanfold.definitions.options import JobOptions, NodeOptions, Places, WorkflowOptions
from fanfold.errors import Refused
from fanfold.planning.compiled import CompiledJob

if TYPE_CHECKING:  # Hera takes half a second
    from fanfold.definitions.job import DefinedJob
    from fanfold.definitions.nodes import JobStep, JobTask
    from fanfold.definitions.templates import Templates
    from fanfold.definitions.workflows import CronWorkflow, Workflow, WorkflowTemplate


class Definable:
    """The Workflows in which a job plans itself; rendering them needs neither the data nor a cluster.

    All options, as `workers=20`, `s3_secret="fanfold-s3"`, are in `fanfold.definitions.options`. `input` is a URL that
    pods can reach, a list of URLs, or a dict of them for a job with named inputs; `output` is a URL, too. Both may hold
    variables of Argo's.

    Raises (all methods):
        InvalidJob: as `Job.compile`.
        Refused: a place is none that pods can reach, an option makes no sense, or the pods would lack the job's code.
        StorageError: the code can't be copied to `bundles`.
        TypeError: there is no such option.
    """

    def workflow(
        self,
        input: Places,
        output: str,
        *,
        name: str | None = None,
        generate_name: str | None = None,
        **options: Unpack[WorkflowOptions],
    ) -> "Workflow":
        """A `hera.workflows.Workflow` that runs the job once: `to_yaml()`, `create()`, `lint()`."""
        from fanfold.definitions.workflows import workflow

        _check_names("workflow", options, WorkflowOptions)
        return workflow(self._defined(input, output, options), name=name, generate_name=generate_name)

    def workflow_template(
        self,
        name: str,
        *,
        input: Places | None = None,
        output: str | None = None,
        **options: Unpack[WorkflowOptions],
    ) -> "WorkflowTemplate":
        """A WorkflowTemplate with the parameters input (or input-NAME for each named input), output, partitions,
        workers, and those of the job. What is given here is their default.
        """
        from fanfold.definitions.workflows import workflow_template

        _check_names("workflow_template", options, WorkflowOptions)
        return workflow_template(self._defined(input, output, options, is_open=True), name=name)

    def cron_workflow(
        self,
        name: str,
        *,
        schedules: Sequence[str],
        input: Places,
        output: str,
        timezone: str | None = None,
        template: str | None = None,
        **options: Unpack[WorkflowOptions],
    ) -> "CronWorkflow":
        """A CronWorkflow that runs the job at certain times. `output` needs a variable: `{{workflow.scheduledTime}}`.

        With `template`, it refers to the WorkflowTemplate of that name, as clusters with `templateReferencing: Strict`
        demand.
        """
        from fanfold.definitions.workflows import cron_workflow

        _check_names("cron_workflow", options, WorkflowOptions)
        job = self._defined(input, output, options, is_open=template is not None)
        return cron_workflow(job, name=name, schedules=schedules, timezone=timezone, template=template)

    def task(self, name: str, *, input: Places, output: str, **options: Unpack[NodeOptions]) -> "JobTask":
        """The job as a task inside a `DAG` of yours. `task.output` is what the tasks after it read."""
        from fanfold.definitions.nodes import task

        _check_names("task", options, NodeOptions)
        return task(self._defined(input, output, options), name, options)

    def step(self, name: str, *, input: Places, output: str, **options: Unpack[NodeOptions]) -> "JobStep":
        """The job as a step inside `Steps` of yours. `step.output` is what the steps after it read."""
        from fanfold.definitions.nodes import step

        _check_names("step", options, NodeOptions)
        return step(self._defined(input, output, options), name, options)

    def templates(
        self, name: str, *, input: Places | None = None, output: str | None = None, **options: Unpack[JobOptions]
    ) -> "Templates":
        """The templates of the job for those who wire them themselves. The first, called `name`, runs the job.

        They take the same parameters as a WorkflowTemplate.
        """
        from fanfold.definitions.job import LONGEST_NAME, check_name
        from fanfold.definitions.templates import templates_of

        _check_names("templates", options, JobOptions)
        return templates_of(
            check_name("a template", name, LONGEST_NAME), self._defined(input, output, options, is_open=True)
        )

    def _defined(
        self, input: Places | None, output: str | None, options: Mapping[str, Any], *, is_open: bool = False
    ) -> "DefinedJob":
        from fanfold.definitions.job import defined

        if not is_open and (input is None or output is None):
            raise Refused(f"the {'input' if input is None else 'output'} must be a URL, not None")
        return defined(self._compiled(), input, output, options, is_open=is_open)

    def _compiled(self) -> CompiledJob:
        raise NotImplementedError


def _check_names(method: str, given: Mapping[str, Any], options: type) -> None:
    """Raise TypeError for an option that doesn't exist, which would have no effect.

    Args:
        method: what was called.
        given: the options.
        options: the TypedDict of those that there are.
    """
    known = options.__annotations__
    if unknown := [name for name in given if name not in known]:
        raise TypeError(f"{method}() takes no argument {unknown[0]!r}; its options are {', '.join(known)}")
