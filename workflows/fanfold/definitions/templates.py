"""The templates of a job in a Workflow: its entry, and its workers, which take the same parameters.

Counts that are parameters are counted by Argo: `withSequence` carries nothing but an index into each pod.
"""

from collections.abc import Mapping
from itertools import pairwise

from hera.workflows import DAG, Container, Env, Parameter, Task
from hera.workflows.models import IntOrString, Sequence

from fanfold.definitions.job import DefinedJob, slug
from fanfold.engines.argo.volumes import mounts
from fanfold.engines.argo.workflow import (
    IN_ORDER,
    INDEX,
    OWNER_LABEL,
    STARTING_ORDER,
    STEP,
    pod_security,
    worker_template,
)
from fanfold_steps.definition.definition import AUTO, VARIABLE
from fanfold_steps.job.sizes import crews, pods_of

Templates = list[DAG | Container]
DEFINITION_LABEL = "fanfold.dev/definition"
_IDENTITY = (
    "--workflow={{workflow.namespace}}/{{workflow.name}}/{{workflow.uid}}",
    "--created={{workflow.creationTimestamp.s}}",
)
_WORKERS = "{{inputs.parameters.workers}}"
_IS_SINGLE, _IS_SEVERAL = f"{_WORKERS} == 1", f"{_WORKERS} != 1"


def templates_of(name: str, job: DefinedJob) -> Templates:
    """The job's templates, of which the first, called `name`, runs it. All take the job's parameters."""
    spec, in_order = job.definition.spec, job.definition.in_order
    if job.workers is not None and pods_of(spec, None, job.workers, in_order=in_order) == {"all": 1}:
        single = _worker(name, job)
        single.args = ["all", "--index=0", *_IDENTITY, *job.options]
        single.inputs = _inputs(job)
        return [single]
    stages = crews(spec)
    with DAG(name=name, inputs=_inputs(job)) as entry:
        if len(stages) > 1:
            _stages(name, stages, job)
        else:
            _steps(f"{name}-worker", job)
    if len(stages) > 1:
        return [entry, *(_worker(f"{name}-stage-{stage}", job, stage) for stage in stages)]
    return [entry, _worker(f"{name}-worker", job)]


def _inputs(job: DefinedJob) -> list[Parameter]:
    return [Parameter(name=name) for name in job.parameters]


def _worker(name: str, job: DefinedJob, stage: int = 0) -> Container:
    """A template of workers. Whatever Workflow it is put into, it brings all that its pods need."""
    variables = [Env(name=VARIABLE, value=job.definition.to_text())]
    worker = worker_template(name, job.definition.spec, job.pods, stage=stage, variables=variables)
    in_order = [IN_ORDER] if job.definition.in_order else []
    worker.args = [STEP, f"--index={INDEX}", *in_order, *_IDENTITY, *job.options]
    worker.inputs = [Parameter(name="step"), Parameter(name="index"), *_inputs(job)]
    worker.volume_mounts = mounts(None, job.pods)
    worker.labels = labels_of(job)
    worker.pod_security_context = pod_security(job.pods)
    worker.service_account_name = job.pods.service_account
    return worker


def labels_of(job: DefinedJob) -> dict[str, str]:
    """The labels of a job's Workflow and pods. Its id isn't known before it runs."""
    owner = {OWNER_LABEL: job.definition.owner} if job.definition.owner else {}
    return {DEFINITION_LABEL: slug(job.definition.spec.name), **owner}


def _steps(worker: str, job: DefinedJob) -> None:
    """The workers of every step: those of one pod, or of several, if only the parameter says which."""
    in_order = job.definition.in_order
    if job.workers is None:
        counts: Mapping[str, int | str] = {"split": 1, "map": _WORKERS}
        if pods_of(job.definition.spec, None, 1, in_order=True).get("reduce"):
            counts = {**counts, "reduce": _reducers(job)}
        if not in_order:
            _task("all", 1, worker, job, when=_IS_SINGLE)
    else:
        counts = pods_of(job.definition.spec, job.partitions, job.workers, in_order=in_order)
    names = [step for step in STARTING_ORDER if step in counts]
    before = dict(pairwise(reversed(names))) if in_order else {}
    when = None if in_order or job.workers is not None else _IS_SEVERAL
    for step in names:
        _task(step, counts[step], worker, job, when=when, depends=before.get(step))


def _reducers(job: DefinedJob) -> str:
    """How many workers begin as reducers, as Argo counts them: as in `pods_of`, if no stage sets its own partitions."""
    partitions = "inputs.parameters.partitions"
    workers = "inputs.parameters.workers"
    fewer = f"asInt({partitions}) < asInt({workers})"
    return f"{{{{={partitions} != '{AUTO}' && {fewer} ? {partitions} : {workers}}}}}"


def _stages(name: str, stages: tuple[int, ...], job: DefinedJob) -> None:
    """The workers of stages whose pods differ: one after the other, since they can't help each other."""
    before = None
    counts = pods_of(job.definition.spec, job.partitions, job.workers or 1)
    for stage in stages:
        step = f"stage-{stage}"
        _task(step, _WORKERS if job.workers is None else counts[step], f"{name}-{step}", job, depends=before)
        before = step


def _task(
    step: str, count: int | str, worker: str, job: DefinedJob, *, when: str | None = None, depends: str | None = None
) -> Task:
    many = count != 1
    passed = {name: f"{{{{inputs.parameters.{name}}}}}" for name in job.parameters}
    return Task(
        name=step,
        template=worker,
        arguments={"step": step, "index": "{{item}}" if many else "0", **passed},
        with_sequence=Sequence(count=IntOrString(root=str(count))) if many else None,
        when=when,
        depends=depends,
    )
