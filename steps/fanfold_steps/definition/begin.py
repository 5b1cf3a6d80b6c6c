"""Begin a job that plans itself: agree on its id, and write its `job.json`, unless another worker was first.

All pods of a run compute the same id without talking to each other, and whichever comes first plans. A Workflow that
Argo retries keeps its uid, so it finds its own tree and goes on from what is committed.
"""

import hashlib
import json
import sys
import time
from dataclasses import asdict

from fanfold_steps.crash_points import around
from fanfold_steps.definition.definition import Arguments, Definition
from fanfold_steps.definition.marker import write_marker
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.splits import InvalidInputs, digest, inputs_by_name
from fanfold_steps.inputs.usable import UnusableInput, usable_files
from fanfold_steps.job.sizes import partitions_for, pods_of, split_size_for
from fanfold_steps.job.spec import JobConf
from fanfold_steps.outputs.place import UnusableOutput, check_apart, check_output
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.left import clear_if_left, leave
from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, Unsupported

PLANNERS = ("split-0", "all-0", "stage-0-0")
PATIENCE_SECONDS = 10.0  # for the worker that is to plan; then any other one does
LARGE_JOB_BYTES = 1 << 30
_SHORTEST_WAIT, _LONGEST_WAIT = 0.05, 1.0
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def job_id(definition: Definition, arguments: Arguments) -> str:
    """The id of the job: 9 digits for the time, as in every id, and 11 that follow from the Workflow and the job.

    >>> from fanfold_steps.job.spec import JobSpec
    >>> job_id(Definition(JobSpec()), Arguments("uid", "1764000000", ["s3://b/in/"], "s3://b/out/"))[:9]
    '0midc1z40'
    """
    milliseconds = int(arguments.created) * 1000 if arguments.created.isdecimal() else 0
    identity = json.dumps([arguments.workflow, definition.to_text(), asdict(arguments)], sort_keys=True)
    number = int.from_bytes(hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest())
    return _digits(milliseconds, 9) + _digits(number, 11)


def begin(definition: Definition, arguments: Arguments, worker: str) -> JobTree:
    """The tree of the job, with `job.json` in it.

    Args:
        definition: the job.
        arguments: the values of its parameters.
        worker: the worker's name, such as `map-3`. The first one plans; others wait a while for it.

    Raises:
        PermanentFailure: the job can't run as asked.
        StorageError: a store is unavailable.
    """
    job, output = job_id(definition, arguments), arguments.output_folder()
    tree = JobTree.open(f"{definition.store}jobs/{job}/" if definition.store else f"{output}_job/")
    if definition.store or _begun_by_us(tree, job):
        clear_if_left(tree, worker)
    if _is_begun(tree, job, 0 if worker in PLANNERS else PATIENCE_SECONDS):
        return tree
    try:
        conf = _plan(definition, arguments, job, output)
    except PermanentFailure as failure:
        if _begun_by_us(tree, job):  # another worker has planned, and perhaps written parts, meanwhile
            return tree
        if definition.store:  # the tree is nobody else's
            tree.fail(Failure.of(failure))
            leave(tree, worker)
        raise
    except (NotFound, PermissionDenied, InvalidKey, Unsupported) as error:  # the store's response won't change
        raise PermanentFailure("storage", str(error)) from error
    if definition.store:
        with around("begin.marker"):
            write_marker(definition, arguments, job)
    with around("begin.job"):
        tree.create_conf(conf)
    if not _begun_by_us(tree, job):
        raise PermanentFailure("output", _taken(output))
    return tree


def _is_begun(tree: JobTree, job: str, patience: float) -> bool:
    """Whether the job is begun within some seconds."""
    deadline, wait = time.monotonic() + patience, _SHORTEST_WAIT
    while not (begun := _begun_by_us(tree, job)) and time.monotonic() < deadline:
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
    return begun


def _begun_by_us(tree: JobTree, job: str) -> bool:
    """Whether the tree is this very job's, not another one's. Raises OtherVersion, Malformed."""
    try:
        return tree.conf().id == job
    except NotFound:
        return False


def _taken(output: str) -> str:
    what = f"the output {output} holds an unfinished run of another job in its folder _job"
    return f"{what}: let that run finish, remove the folder _job, or choose another output"


def _plan(definition: Definition, arguments: Arguments, job: str, output: str) -> JobConf:
    spec, inputs = definition.spec, arguments.job_inputs()
    wanted, workers = arguments.partition_count(), arguments.worker_count()
    try:
        named = inputs_by_name(spec, inputs)
        check_output(output)
        check_apart(output, (url for urls in named.values() for url in urls))
        files = usable_files(named)
    except (InvalidInputs, UnusableInput) as error:
        raise PermanentFailure("input", str(error)) from error
    except UnusableOutput as error:
        raise PermanentFailure("output", str(error)) from error
    total = sum(file.size for file in files)
    if workers == 1 and total > LARGE_JOB_BYTES:
        print(f"fanfold: one worker reads {total >> 20:,} MiB: more would be faster (workers)", file=sys.stderr)
    partitions = wanted or partitions_for(total)
    return JobConf(
        id=job,
        spec=spec,
        inputs=inputs,
        output=output,
        partitions=partitions,
        split_size=definition.split_size or split_size_for(total, workers),
        workers=pods_of(spec, wanted, workers, in_order=definition.in_order),
        inputs_digest=digest(files),
        bundle_url=definition.bundle_url,
        wheels_url=definition.wheels_url if spec.dependencies else None,
        memory=definition.memory,
        params=arguments.job_params(definition.params),
    )


def _digits(number: int, count: int) -> str:
    digits = ""
    for _ in range(count):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
