"""Replacing the output of an earlier job, as `fanfold run --overwrite` does; see `fanfold.planning.replacing`.

Where all workers run on this machine, the new output is written beside the old one, and the reconciler has them swap
names before the job has succeeded. On a cluster, nobody swaps folders for all nodes, so the last worker deletes the old
output just before it makes the new one visible, as in a bucket.
"""

from contextlib import ExitStack
from dataclasses import replace

from fanfold.errors import Refused
from fanfold.planning.planner import PlannedJob, refuse_taken_output
from fanfold.planning.replacing import Target, foreign_beside, put_in_place, remove_leftovers, target_of, written_by
from fanfold.planning.standalone import lock_output
from fanfold_steps.job.spec import urls_of
from fanfold_steps.outputs.finish import REPLACES, ensure_manifest
from fanfold_steps.tree.job_tree import JOB_KEY, JobTree
from fanfold_storage.errors import Unavailable
from fanfold_storage.urls import lies_behind_link
from fanfold_submit.jobs.job import Job, Replaced, State


def replacing(plan: PlannedJob, *, beside: bool) -> tuple[PlannedJob, Replaced | None]:
    """The plan of a job that replaces what lies at its output, and what that is; None: nothing does.

    Raises:
        Refused: it holds something that no job wrote, or an input; or something is where the new one would be written.
    """
    output = plan.conf.output
    _refuse_link(output)
    target = target_of(output, urls_of(plan.conf.inputs), beside=beside)
    if target.is_beside:
        if foreign := foreign_beside(target):
            raise Refused(f"{target.work} holds {foreign}, and jobs build the new output there: move it elsewhere")
    elif target.replaces is None:
        refuse_taken_output(output)
        return plan, None
    return replace(plan, conf=replace(plan.conf, output=target.work)), Replaced(
        final=target.final, manifest=target.replaces
    )


def make_ready(job: Job) -> None:
    """Do what comes before the workers start: clear the place beside the old output, or tell them what to delete.

    Doing it again, once they have started, has no effect.
    """
    tree = JobTree.open(job.url)
    if job.replaces is None:
        return
    if job.replaces.manifest:
        tree.create(REPLACES, {"manifest": job.replaces.manifest})
    elif not tree.find(JOB_KEY):
        remove_leftovers(job.replaces.final)


def put_output_in_place(job: Job) -> Job:
    """Swap the complete output with the old one, unless that was done before; the job as it is with the new place.

    Raises:
        Refused: somebody has put something into the old output since.
        Unavailable: another command is using the output.
    """
    if job.replaces is None or job.replaces.manifest:
        return job
    target = Target(job.replaces.final, job.conf["output"])
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_output(target.final))
        except Refused as error:
            raise Unavailable(str(error)) from error
        if target.is_beside and written_by(target.final) != job.id:
            _refuse_link(target.final)
            put_in_place(target)
    return job.changed(conf={**job.conf, "output": target.final})


def tidy_up(job: Job) -> None:
    """Remove the old output, once the new one has taken its place. Only for when the workers have left."""
    if job.replaces is None or job.state is not State.SUCCEEDED:
        return
    if job.replaces.manifest is None:
        remove_leftovers(job.replaces.final)
    else:
        ensure_manifest(JobTree.open(job.url), job.plan.conf)


def _refuse_link(output: str) -> None:
    if lies_behind_link(output):
        raise Refused(f"the output {output} is below a link, and links aren't followed here: choose another output")
