"""Split: list the inputs, cut them, settle the stages, and write it down as the plan that every worker follows."""

from fanfold_steps.budget import budget_of
from fanfold_steps.by_columns import quickest
from fanfold_steps.code import Code
from fanfold_steps.crash_points import around
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.inputs import InvalidInputs, by_name, digest, list_inputs
from fanfold_steps.plan import PLAN_KEY, Plan
from fanfold_steps.spec import JobConf
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import NotFound


def split(tree: JobTree, conf: JobConf, code: Code) -> None:
    """Write `plan.json` unless it is there.

    Raises:
        PermanentFailure: an input vanished since the job was planned, or the entry can't be compiled.
    """
    spec = code.compile_entry(conf.spec.entry) if conf.spec.entry else conf.spec
    try:
        files = list_inputs(by_name(spec, conf.inputs))
    except InvalidInputs as error:
        raise PermanentFailure("input", str(error)) from error
    except NotFound as error:
        raise PermanentFailure("input", f"an input is gone: {error}") from error
    if digest(files) != conf.inputs_digest:
        raise PermanentFailure("input", "the input was changed after the job was submitted: submit it anew")
    spec = quickest(spec, sum(file.size for file in files), budget_of(conf))
    plan = Plan.of(spec, files, conf)
    with around("split.plan"):
        tree.create(PLAN_KEY, plan.to_json())
