"""Plan a job: check its inputs and output, and put together the configuration with which workers run it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fanfold.errors import OutputTaken, Refused
from fanfold.planning.areas import Area
from fanfold.planning.demand import demand_of
from fanfold.planning.fingerprints import fingerprint_of
from fanfold.planning.sizing import Sizing, check_sizing, sizes_for
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.listing import File
from fanfold_steps.inputs.splits import InvalidInputs, digest, inputs_by_name
from fanfold_steps.inputs.usable import UnusableInput, usable_files
from fanfold_steps.job.spec import Inputs, JobConf, JobSpec, urls_of
from fanfold_steps.outputs.place import TakenOutput, UnusableOutput, check_apart, check_output
from fanfold_steps.tree.job_tree import JobTree


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """All an engine needs: the job's configuration, the URL of its tree, its owner, and its areas."""

    conf: JobConf
    job_url: str
    owner: str
    areas: tuple[Area, ...] | None = None
    """What the job's code may reach; None: whatever the engine's workers may."""
    run: int = 1
    """Which run of the job it is; a service may give it several."""

    @property
    def fingerprint(self) -> str:
        """What distinguishes Workflows of the same name."""
        return fingerprint_of(self.conf)


@dataclass(frozen=True, slots=True)
class Places:
    """The URLs of the inputs, the output, the job's tree and the code bundle, if there is one."""

    inputs: Inputs
    output: str
    job: str
    bundle: str | None = None
    wheels: str | None = None
    """The folder of the wheels of the job's dependencies."""
    output_may_exist: bool = False
    """Set if the caller deals with an output that exists."""


def plan(spec: JobSpec, places: Places, sizing: Sizing, *, job_id: str, owner: str, engine: str) -> PlannedJob:
    """Check inputs and output, and decide on partitions, split size and workers. Writes nothing.

    Raises:
        Refused: an input doesn't exist or has no files, or a size is out of range.
        OutputTaken: the output exists.
        StorageError: the store doesn't respond, or denies access.
    """
    inputs = _inputs(spec, places.inputs)
    check_sizing(sizing, engine)
    files = _files(inputs)
    total = sum(file.size for file in files)
    if not places.output.startswith(places.job):  # in the job's own tree, which is new, nothing can be in its way
        _check_output(places, urls_of(inputs))
    sizes = sizes_for(total, demand_of(spec), sizing, engine)
    conf = JobConf(
        id=job_id,
        spec=spec,
        inputs=places.inputs,
        output=places.output,
        partitions=sizes.partitions,
        split_size=sizes.split_size,
        workers=sizes.workers,
        inputs_digest=digest(files),
        bundle_url=places.bundle,
        wheels_url=places.wheels if spec.dependencies else None,
        memory=sizes.memory,
    )
    return PlannedJob(conf, places.job, owner)


def write(plan: PlannedJob) -> None:
    """Write `job.json`. Writing the same one again has no effect.

    Raises:
        Refused: the tree belongs to a job with another configuration, was begun by another version of Fanfold, or
            can't be read.
    """
    try:
        is_ours = JobTree.open(plan.job_url).create_conf(plan.conf)
    except PermanentFailure as error:  # another version's, too large, or no job.json at all
        raise Refused(str(error)) from error
    if not is_ours:
        raise Refused(f"{plan.job_url} belongs to another, unfinished job: remove it, or choose another output")


def _files(inputs: Mapping[str, list[str]]) -> list[File]:
    try:
        return usable_files(inputs)
    except UnusableInput as error:
        raise Refused(str(error)) from error


def _check_output(places: Places, inputs: Iterable[str]) -> None:
    if not places.output_may_exist:
        refuse_taken_output(places.output)
    try:
        check_apart(places.output, inputs)
    except UnusableOutput as error:
        raise Refused(str(error)) from error


def refuse_taken_output(url: str) -> None:
    """Check that the output folder is empty, except for the tree of an unfinished job (`_job/`).

    Raises:
        OutputTaken: it isn't.
        Refused: the output is a file, or would lie in one, or behind a link where those lead nowhere.
    """
    try:
        check_output(url)
    except TakenOutput as error:
        raise OutputTaken(str(error)) from error
    except UnusableOutput as error:
        raise Refused(str(error)) from error


def _inputs(spec: JobSpec, inputs: Inputs) -> dict[str, list[str]]:
    """The URLs of each input by name. For an entry, only the first worker finds out which names there are."""
    if spec.entry:
        by_input = inputs if isinstance(inputs, dict) else {"": inputs}
        if not all(by_input.values()) or not by_input:
            raise Refused("the job has no input: name at least one file or folder")
        return by_input
    try:
        return inputs_by_name(spec, inputs)
    except InvalidInputs as error:
        raise Refused(str(error)) from error
