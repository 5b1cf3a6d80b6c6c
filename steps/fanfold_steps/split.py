"""Split: list the inputs, cut them, settle the stages, and write it down as the plan that every worker follows."""

from dataclasses import asdict
from typing import Any

from fanfold_steps.code import Code
from fanfold_steps.crash_points import around
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.inputs import cut, digest, list_files
from fanfold_steps.spec import JobConf, JobSpec
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import NotFound


def split(tree: JobTree, conf: JobConf, code: Code) -> None:
    """Write `plan.json` unless it is there.

    Raises:
        PermanentFailure: an input vanished since the job was planned, or the entry can't be compiled.
    """
    try:
        files = [file for url in conf.inputs for file in list_files(url)]
    except NotFound as error:
        raise PermanentFailure("input", f"an input is gone: {error}") from error
    if digest(files) != conf.inputs_digest:
        raise PermanentFailure("input", "the input was changed after the job was submitted: submit it anew")
    spec = _compiled(conf, code)
    plan: dict[str, Any] = {
        "files": [asdict(file) for file in files],
        "splits": cut(files, conf.split_size, spec.input),
        "stages": [asdict(stage) for stage in spec.stages],
        "input": asdict(spec.input),
        "output": asdict(spec.output),
        "partitions": conf.partitions,
        "bytes": sum(file.size for file in files),
    }
    with around("split.plan"):
        tree.create("plan.json", plan)


def _compiled(conf: JobConf, code: Code) -> JobSpec:
    if not conf.spec.entry:
        return conf.spec
    spec = code.compile_entry(conf.spec.entry)
    if len(spec.stages) != 1:
        raise PermanentFailure("code", f"{conf.spec.entry} has {len(spec.stages)} stages; only one is supported yet")
    return spec
