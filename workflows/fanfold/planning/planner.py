"""Plan a job: check its inputs and output, and put together the configuration with which workers run it."""

import contextlib
import errno
import hashlib
import json
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from fanfold.errors import OutputTaken, Refused
from fanfold.planning.areas import Area
from fanfold.planning.demand import demand_of
from fanfold.planning.sizing import Sizing, check_sizing, sizes_for
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.listing import File, fixed_part, list_files, matches
from fanfold_steps.inputs.splits import InvalidInputs, digest, inputs_by_name
from fanfold_steps.job.spec import Inputs, JobConf, JobSpec, urls_of
from fanfold_steps.tree.job_tree import JobTree
from fanfold_storage.errors import NotFound, Unsupported
from fanfold_storage.urls import lies_behind_link, local_path, open_objects, split_url

MOST_FILES = 300_000  # of all inputs together: the plan names each of them


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """All an engine needs: the job's configuration, the URL of its tree, its owner, and its areas."""

    conf: JobConf
    job_url: str
    owner: str
    areas: tuple[Area, ...] | None = None
    """What the job's code may reach; None: whatever the engine's workers may."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the configuration, which distinguishes Workflows of the same name."""
        canonical = json.dumps(self.conf.to_json(), sort_keys=True).encode()
        return hashlib.sha256(canonical).hexdigest()


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
    listed: dict[str, list[File]] = {}
    for url in urls_of(inputs):  # a place that is named often is listed once
        if url not in listed:
            listed[url] = _files(url)
        if sum(map(len, listed.values())) > MOST_FILES:
            raise Refused(f"the inputs have more than {MOST_FILES:,} files: name fewer, or put small files together")
    files = [replace(file, input=name) for name, urls in inputs.items() for url in urls for file in listed[url]]
    if len(files) > MOST_FILES:
        raise Refused(f"the inputs name {len(files):,} files, more than {MOST_FILES:,}: name each place only once")
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


def _check_output(places: Places, inputs: Iterable[str]) -> None:
    if not places.output_may_exist:
        refuse_taken_output(places.output)
    for url in inputs:
        if _reads(url, places.output):
            raise Refused(
                f"the output {places.output} lies in the input {url} and would be read: choose another output"
            )


def refuse_taken_output(url: str) -> None:
    """Check that the output folder is empty, except for the tree of an unfinished job (`_job/`).

    Raises:
        OutputTaken: it isn't.
        Refused: the output is a file, or would lie in one, or behind a link where those lead nowhere.
    """
    if lies_behind_link(url):
        raise Refused(f"the output {url} is below a link, and links aren't followed here: choose another output")
    if file := _file_in_path(url):
        raise Refused(f"the output {url} can't be a folder, because {file} is a file: choose another output")
    for key in _outputs(url):
        raise OutputTaken(f"the output {url} already exists (it contains {key}): remove it or choose another")


def resolved(url: str) -> str:
    """A URL without its trailing slash; for a folder on this machine, its path with symlinks resolved."""
    folder, name = split_url(url.rstrip("/"))
    path = local_path(folder)
    return str((path / name).resolve()) if path else url.rstrip("/")


def _file_in_path(url: str) -> Path | None:
    if not url.startswith("file:"):
        return None
    place = Path(resolved(url))
    with contextlib.suppress(PermissionError):
        return next((path for path in (place, *place.parents) if path.is_file()), None)
    return None


def _reads(url: str, output: str) -> bool:
    """Whether an input's URL covers the contents of the output folder."""
    place, folder = resolved(url), resolved(output)
    if folder.startswith(f"{place}/") or place == fixed_part(place):
        return folder.startswith(f"{place}/")
    pattern = place + "/" * url.endswith("/")
    return any(matches(f"{folder}/{name}", pattern) for name in ("part-00000.txt", "_job/job.json"))


def _outputs(url: str) -> Iterator[str]:
    try:
        for found in open_objects(url).list():
            if not found.key.startswith("_job/"):
                yield found.key
    except NotFound:
        return


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


def _files(url: str) -> list[File]:
    try:
        files = list_files(url)
    except NotFound as error:
        if (pattern := unquote(url)) != fixed_part(pattern):
            raise Refused(f"the pattern {pattern} matches no file: check it") from error
        hidden = "files whose names begin with a dot or an underscore don't count"
        raise Refused(
            f"the input {url} doesn't exist, or is a folder without files ({hidden}): check the path"
        ) from error
    except Unsupported as error:
        raise Refused(str(error)) from error
    for file in files:
        _check_regular(file)
        if f"/{file.key}".endswith("/_job/job.json"):
            what = f"the input {url} contains the output of an unfinished job ({file.key})"
            raise Refused(f"{what}: let that job finish first, or name the files to read")
    return files


def _check_regular(file: File) -> None:
    """Check that what is listed as a file on this machine can be read as one. Raises Refused."""
    folder = local_path(file.root)
    if folder is None:
        return
    path = folder / file.key
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            mode = path.stat().st_mode
    except FileNotFoundError:
        raise Refused(f"the input {path} is a link to {path.readlink()}, which doesn't exist: remove it") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused(f"the input {path} is a link that leads back to itself: remove it") from None
        raise
    if not stat.S_ISREG(mode):
        raise Refused(f"the input {path} is neither a file nor a folder: name a pipe by itself, or leave it out")
