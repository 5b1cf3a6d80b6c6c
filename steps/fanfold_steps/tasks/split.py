"""Split: list the inputs, cut them, choose how each stage is done, and write the plan that every worker follows."""

import json
from dataclasses import replace

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.by_lines import TooManyRanges
from fanfold_steps.inputs.splits import InvalidInputs, digest, inputs_by_name, list_inputs
from fanfold_steps.job.spec import JobConf, JobSpec
from fanfold_steps.memory.budget import budget_of
from fanfold_steps.tasks.choosing import choose_ways
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import PLAN_BEFORE, PLAN_KEY, Plan
from fanfold_steps.user_code.loading import Code
from fanfold_storage.errors import NotFound


def split(tree: JobTree, conf: JobConf, code: Code) -> None:
    """Write `plan.json`, unless it exists.

    Raises:
        PermanentFailure: an input was removed or changed since the job was planned, or the entry can't be compiled.
    """
    spec = _compiled_entry(conf.spec, code) if conf.spec.entry else conf.spec
    try:
        files = list_inputs(inputs_by_name(spec, conf.inputs))
    except InvalidInputs as error:
        raise PermanentFailure("input", str(error)) from error
    except NotFound as error:
        raise PermanentFailure("input", f"an input no longer exists: {error}") from error
    if digest(files) != conf.inputs_digest:
        raise PermanentFailure("input", "the input was changed after the job was submitted: submit the job again")
    spec, ways = choose_ways(spec, files, budget_of(conf), code)
    try:
        plan = Plan.of(spec, ways, files, conf)
    except TooManyRanges as error:
        raise PermanentFailure("input", str(error)) from error
    if spec.task_version is not None:
        _demand_same_tasks(tree, plan)
    with around("split.plan"):
        tree.create(PLAN_KEY, plan.to_json())


def _demand_same_tasks(tree: JobTree, plan: Plan) -> None:
    """See that other code is planned as the earlier one was, by which tasks are committed. Raises PermanentFailure."""
    before = tree.find(PLAN_BEFORE)
    now = json.loads(json.dumps(plan.to_json()))
    if before and (changed := [name for name in ("files", "splits", "tasks", "ways") if before.get(name) != now[name]]):
        what = f"the other code leads to other {changed[0]} than before, so committed tasks don't count for it"
        raise PermanentFailure("code", f"{what}: retry the job anew, or give it another task_version")


def _compiled_entry(known: JobSpec, code: Code) -> JobSpec:
    """The spec of the job that an entry names, which nobody knew when the workers were started.

    Raises:
        PermanentFailure: it asks for what these workers haven't got.
    """
    spec = code.compile_entry(str(known.entry))
    asked = [stage.resources for stage in spec.stages if stage.resources]
    if asked or (spec.resources or known.resources) != known.resources or (spec.image or known.image) != known.image:
        mend = "submit the job with `fanfold submit`, or name `resources` and `image` in the request, as the job does"
        raise PermanentFailure("code", f"the job asks for resources or an image, known only now: {mend}")
    return replace(spec, resources=known.resources, image=known.image)
