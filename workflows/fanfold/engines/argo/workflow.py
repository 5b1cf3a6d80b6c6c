"""A plan as an Argo Workflow, built with Hera's classes alone.

Its one template, `worker`, is a worker of one step, which only needs to know its step, its index and the URL of the
job's tree. Workers of all steps start together: the tree says which tasks are ready, so an orchestrator's barriers
would only cost time (about 6 s each). A small job is a single pod that does every step.
"""

import re
from collections.abc import Iterable
from itertools import pairwise
from math import ceil

from hera.workflows import (
    DAG,
    Container,
    Env,
    Parameter,
    RetryPolicy,
    RetryStrategy,
    SecretEnv,
    Task,
    Workflow,
)
from hera.workflows.models import (
    Backoff,
    Capabilities,
    IntOrString,
    Metadata,
    PodGC,
    PodSecurityContext,
    SeccompProfile,
    SecurityContext,
    Sequence,
    TTLStrategy,
    ValueFrom,
)

from fanfold.engines.argo.pods import PodSettings, check_access
from fanfold.engines.argo.resources import limits, secret_variable, tolerations
from fanfold.engines.argo.volumes import mounts, volumes
from fanfold.engines.protocol import ENVIRONMENT
from fanfold.planning.fingerprints import complete_fingerprint_of
from fanfold.planning.planner import PlannedJob
from fanfold_steps.job.resources import Resources
from fanfold_steps.job.sizes import crews
from fanfold_steps.job.spec import JobSpec
from fanfold_steps.worker.exits import PERMANENT

__all__ = ["PodSettings", "build", "workflow_name"]

API_VERSION = "argoproj.io/v1alpha1"
JOB_LABEL, OWNER_LABEL = "fanfold.dev/job", "fanfold.dev/owner"
STAGE_LABEL, FINGERPRINT_LABEL = "fanfold.dev/stage", "fanfold.dev/fingerprint"
LONGEST_LABEL = 63

STARTING_ORDER = ("split", "map", "reduce", "all")
USER = 8737  # the images' user; a number, because the kubelet can't verify that a name isn't root
KEEP_SUCCEEDED_SECONDS, KEEP_FAILED_SECONDS = 6 * 3600, 3 * 24 * 3600
RETRIES = 4
# A worker exits with 64 to 79 if a retry can't help. Its exit code is -1 if it never ran or was evicted.
TRANSIENT = f"asInt(lastRetry.exitCode) < {PERMANENT.start} || asInt(lastRetry.exitCode) > {PERMANENT.stop - 1}"
STEP, INDEX = "{{inputs.parameters.step}}", "{{inputs.parameters.index}}"
IN_ORDER = "--in-order"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
DEADLINE_GRACE = 60  # seconds
TERMINATION_LOG, REPORT = "/dev/termination-log", "/tmp/report.json"  # noqa: S108 (a volume of the pod's own)


def build(plan: PlannedJob, pods: PodSettings, *, in_order: bool = False) -> Workflow:
    """The Workflow that runs the plan's workers. `job.json` must be in the job's tree before Argo starts it.

    Args:
        plan: the job.
        pods: where the pods run, and what they are given.
        in_order: make split, map and reduce wait for each other in Argo, too, so that its UI draws them as a graph. No
            effect if one worker does every step.

    Raises:
        Refused: the pods couldn't reach a place that the plan names.
    """
    check_access(plan, pods)
    workers = plan.conf.workers
    is_single = workers == {"all": 1}
    crews = [step for step in workers if step.startswith("stage-")]
    return Workflow(
        api_version=API_VERSION,
        kind="Workflow",
        name=workflow_name(plan.conf.id, plan.run),
        namespace=pods.namespace,
        labels=labels(plan),
        annotations=_annotations(plan),
        entrypoint="worker" if is_single else "steps",
        arguments={"step": "all", "index": "0"} if is_single else None,
        templates=[
            *([] if is_single else [_steps(workers, in_order)]),
            *(_worker(plan, pods, name, *([IN_ORDER] if in_order else [])) for name in crews or ["worker"]),
        ],
        service_account_name=pods.service_account,
        security_context=pod_security(pods),
        pod_metadata=Metadata(labels=labels(plan)),
        pod_gc=PodGC(strategy="OnPodSuccess"),  # failed pods stay, with their logs
        ttl_strategy=TTLStrategy(
            seconds_after_success=KEEP_SUCCEEDED_SECONDS, seconds_after_completion=KEEP_FAILED_SECONDS
        ),
        active_deadline_seconds=pods.deadline,
    )


def workflow_name(job_id: str, run: int = 1) -> str:
    """The only name that a job's Workflow can have, so that no run of it runs twice.

    >>> workflow_name("000m3k2v8q1x7f9a2b4c"), workflow_name("000m3k2v8q1x7f9a2b4c", 2)
    ('fanfold-000m3k2v8q1x7f9a2b4c', 'fanfold-000m3k2v8q1x7f9a2b4c-2')
    """
    return f"fanfold-{job_id}" if run == 1 else f"fanfold-{job_id}-{run}"


def credentials_name(plan: PlannedJob) -> str:
    """The name of the Secret that holds the job's own S3 credentials."""
    return f"{workflow_name(plan.conf.id, plan.run)}-s3"


def labels(plan: PlannedJob) -> dict[str, str]:
    """The labels by which a job's Workflow and pods are found."""
    return {
        JOB_LABEL: plan.conf.id,
        OWNER_LABEL: re.sub(r"[^A-Za-z0-9._-]", "-", plan.owner)[:LONGEST_LABEL].strip("-._"),
        STAGE_LABEL: "0",
        FINGERPRINT_LABEL: plan.fingerprint[:LONGEST_LABEL],
    }


def fingerprints(plan: PlannedJob) -> set[str]:
    """The labels that a job's Workflow may have: this version's, and that of the versions before."""
    return {one[:LONGEST_LABEL] for one in (plan.fingerprint, complete_fingerprint_of(plan.conf))}


def _annotations(plan: PlannedJob) -> dict[str, str]:
    conf = plan.conf
    urls = conf.input_urls
    inputs = ", ".join(urls[:3]) + (f" and {len(urls) - 3} more" if len(urls) > 3 else "")
    return {
        "workflows.argoproj.io/title": f"{conf.spec.name} ({plan.owner})",
        "workflows.argoproj.io/description": f"{inputs} → {conf.output}, partitions: {conf.partitions}",
    }


def _steps(workers: dict[str, int], in_order: bool) -> DAG:
    """The workers of every step. Argo starts them in the order of `target`."""
    names = [step for step in STARTING_ORDER if step in workers] or list(workers)
    one_by_one = in_order or not set(names) & set(STARTING_ORDER)  # pods of another kind can't help with a stage
    before = dict(pairwise(reversed(names))) if one_by_one else {}
    return DAG(
        name="steps",
        tasks=[_task(step, workers[step], before.get(step)) for step in names],
        target=None if one_by_one else " ".join(names),
    )


def _task(step: str, count: int, before: str | None) -> Task:
    """A step's workers, as a sequence of indexes: a list would be copied into every item."""
    many = count > 1
    return Task(
        name=step,
        template="worker" if step in STARTING_ORDER else step,
        arguments={"step": step, "index": "{{item}}" if many else "0"},
        with_sequence=Sequence(count=IntOrString(root=str(count))) if many else None,
        depends=before,
    )


def _worker(plan: PlannedJob, pods: PodSettings, name: str, *options: str) -> Container:
    """The template of all workers, or of those that begin with a certain stage (`stage-1`)."""
    stage = int(name.partition("-")[2] or 0)
    worker = worker_template(name, plan.conf.spec, pods, stage=stage, variables=_job_credentials(plan, pods))
    worker.args = [STEP, "--job", plan.job_url, "--index", INDEX, *options]
    worker.volume_mounts = mounts(plan.areas, pods)
    return worker


def worker_template(
    name: str, spec: JobSpec, pods: PodSettings, *, stage: int = 0, variables: Iterable[Env | SecretEnv] = ()
) -> Container:
    """A template of workers, which takes `step` and `index`; without arguments, and without mounts of the data.

    Args:
        name: the template's.
        spec: the job, whose image the pods get.
        pods: what they are given otherwise.
        stage: the stage whose resources they get.
        variables: more environment variables.
    """
    resources = spec.resources_of(stage)
    return Container(
        name=name,
        inputs=[Parameter(name="step"), Parameter(name="index")],
        outputs=[Parameter(name="report", value_from=ValueFrom(path=REPORT, default="{}"))],
        image=spec.image or pods.image,
        image_pull_policy="IfNotPresent",
        # Named here because Argo can't always look it up in the image's registry.
        command=["python3", "-m", "fanfold_steps"],
        env=[*_environment(pods, resources), *variables],
        volumes=volumes(pods),
        resources=limits(pods, resources),
        node_selector=resources.node_selector or None,
        tolerations=tolerations(resources) or None,
        priority_class_name=resources.priority,
        active_deadline_seconds=_last_moment(spec, stage),
        security_context=SecurityContext(
            allow_privilege_escalation=False,
            capabilities=Capabilities(drop=["ALL"]),
            read_only_root_filesystem=True,
        ),
        termination_message_path=TERMINATION_LOG,
        termination_message_policy="FallbackToLogsOnError",
        retry_strategy=RetryStrategy(
            limit=str(RETRIES if resources.retries is None else resources.retries),
            retry_policy=RetryPolicy.always,
            expression=TRANSIENT,
            backoff=Backoff(duration="2s", factor=IntOrString(root="2")),
        ),
    )


def _last_moment(spec: JobSpec, first: int) -> int | None:
    """Seconds after which Kubernetes ends a pod whose worker should have ended the job, but hangs.

    The pod does all stages of its crew, which begins with the stage `first`; each has the same deadline.
    """
    end = next((stage for stage in crews(spec) if stage > first), len(spec.stages))
    of_job, of_stage = spec.resources and spec.resources.deadline, spec.resources_of(first).deadline
    moments = [of_job, of_stage and of_stage * max(1, end - first)]
    given = [seconds for seconds in moments if seconds]
    return ceil(min(given)) + DEADLINE_GRACE if given else None


def pod_security(pods: PodSettings) -> PodSecurityContext:
    """Kubernetes' `restricted` standard; files on a claim also belong to the user's group."""
    return PodSecurityContext(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER if pods.claim else None,
        fs_group_change_policy="OnRootMismatch" if pods.claim else None,
        seccomp_profile=SeccompProfile(type="RuntimeDefault"),
    )


def _environment(pods: PodSettings, resources: Resources) -> list[Env | SecretEnv]:
    variables = {
        **resources.env,
        **ENVIRONMENT,
        "FANFOLD_TERMINATION_LOG": TERMINATION_LOG,
        "FANFOLD_REPORT": REPORT,
        "AWS_ENDPOINT_URL": pods.s3_endpoint,
        "AWS_REGION": pods.s3_region,
    }
    secret = pods.s3_secret
    return [
        *(Env(name=name, value=value) for name, value in variables.items() if value is not None),
        *(secret_variable(name, place) for name, place in resources.secrets.items()),
        *([SecretEnv(name=key, secret_name=secret, secret_key=key) for key in CREDENTIALS] if secret else []),
    ]


def _job_credentials(plan: PlannedJob, pods: PodSettings) -> list[SecretEnv]:
    """The variables with S3 credentials of the job's own, if there are any."""
    if pods.s3_secret or not pods.has_s3_per_job or not any(area.is_in_s3 for area in plan.areas or ()):
        return []
    name = credentials_name(plan)
    return [SecretEnv(name=key, secret_name=name, secret_key=key) for key in [*CREDENTIALS, "AWS_SESSION_TOKEN"]]
