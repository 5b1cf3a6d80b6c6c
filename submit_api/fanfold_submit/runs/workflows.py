"""The Workflows of jobs, as they were created: kept where no job's code can write, until the job is removed.

workflows/ID/1.yaml    that of the job's first run
"""

from fanfold.engines import Engine
from fanfold.errors import Refused
from fanfold_steps.failure.wording import quantity
from fanfold_storage.errors import NotFound, TooLarge
from fanfold_storage.objects import Objects, read_all
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.places import Places, workflows_prefix
from fanfold_submit.refusals import JobRefused, NotAdmitted, NoWorkflow

LARGEST = 4 << 20  # bytes; Kubernetes takes one of less than half


def keep_workflow(objects: Objects, job: Job, manifest: str) -> None:
    """Keep what is about to be created for the job's run. Raises StorageError."""
    objects.put(f"{workflows_prefix(job.id)}{job.runs}.yaml", [manifest.encode()])


def workflow_of(job: Job, run: int | None, objects: Objects, engine: Engine, places: Places) -> str:
    """The Workflow of a run of a job, as YAML; by default that of the last one, which need not have been created yet.

    Raises:
        NotAdmitted: the job was started by a Workflow of somebody's own.
        NoWorkflow: the engine has none, or the run none yet.
    """
    if not job.admitted:
        workflow = job.workflow
        get = f"argo get -n {workflow.namespace} {workflow.name} -o yaml" if workflow else "argo get -o yaml"
        raise NotAdmitted(f"Job {job.id} was started by its Workflow, which this service hasn't created. Get it: {get}")
    if run is not None and run > job.runs:
        raise NoWorkflow(f"Job {job.id} has had {quantity(job.runs, 'run')}, so there is no run {run}.")
    key = f"{workflows_prefix(job.id)}{run or job.runs}.yaml"
    try:
        return read_all(objects, key, LARGEST).decode("utf-8", "replace")
    except (NotFound, TooLarge):
        return _planned(job, run, engine, places)


def _planned(job: Job, run: int | None, engine: Engine, places: Places) -> str:
    """The Workflow that the job's last run is going to have."""
    if run in (None, job.runs) and not job.state.final:
        try:
            if manifest := engine.manifest(places.confined(job.plan, job.owner_id, job.team)):
                return manifest
        except Refused as error:
            raise JobRefused(places.redact(str(error), job.owner_id)) from None
    if engine.name == "local":
        raise NoWorkflow(
            f"Job {job.id} has no Workflow: this service runs jobs as processes on its own machine. `fanfold render` "
            "prints the Workflow that a job has on a cluster."
        )
    raise NoWorkflow(f"Job {job.id} has no Workflow, since it ended before one was created.")
