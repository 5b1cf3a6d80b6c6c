"""From a spec and its data to a plan: are the inputs there, is the output free, how many partitions and workers.

The plan decides nothing that shows in the output but the number of partitions, and that follows from the inputs' size.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote
from urllib.request import url2pathname

from fanfold_steps.budget import SMALLEST_SHARE
from fanfold_steps.inputs import InvalidInputs, by_name, digest
from fanfold_steps.listing import File, fixed_part, list_files, matches
from fanfold_steps.spec import MOST_PARTITIONS, Inputs, JobConf, JobSpec, urls_of
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import open_objects, split_url

MIB = 1 << 20
PARTITION_BYTES = 128 * MIB  # one partition for so much input, unless the job says otherwise
MOST_BY_SIZE = 64  # partitions, unless the job says otherwise
SMALL_JOB_BYTES = 64 * MIB  # up to here one pod does everything: starting more takes longer than they save
MOST_PODS = 50  # pods share the splits, so a large input doesn't need more (Argo slows far beyond this)
MOST_WORKERS = {"local": 64, "argo": 400}  # whoever asks for more has mistyped, or would take the machine down
SMALLEST_SPLIT, LARGEST_SPLIT = MIB, 64 * MIB


class Refused(Exception):
    """The job can't run as asked; nothing was written. The text says what, where and how to mend it."""


class OutputTaken(Refused):
    """The output exists already."""


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """All an engine needs: the job's configuration, where its tree lies, whose it is."""

    conf: JobConf
    job_url: str
    owner: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the configuration: tells this job's Workflow from another of the same name."""
        canonical = json.dumps(self.conf.to_json(), sort_keys=True).encode()
        return hashlib.sha256(canonical).hexdigest()


@dataclass(frozen=True, slots=True)
class Sizing:
    """What the submitter may fix; None leaves it to the planner. `split_size` and `memory` are in bytes."""

    partitions: int | None = None
    split_size: int | None = None
    workers: int | None = None
    memory: int | None = None
    """For all workers together."""


@dataclass(frozen=True, slots=True)
class Places:
    """URLs: what is read, where the parts go, where the job's tree lies, the code bundle if there is one."""

    inputs: Inputs
    output: str
    job: str
    bundle: str | None = None
    output_may_exist: bool = False
    """The caller knows what is there and looks after it."""


def plan(spec: JobSpec, places: Places, sizing: Sizing, *, job_id: str, owner: str, engine: str) -> PlannedJob:
    """Look at the inputs and decide partitions, split size and workers. Writes nothing.

    Raises:
        Refused: an input that doesn't exist or holds no file, a size out of range.
        OutputTaken: an output that exists.
        StorageError: the store is away or refuses us.
    """
    inputs = _inputs(spec, places.inputs)
    _check(sizing, engine)
    files = [replace(file, input=name) for name, urls in inputs.items() for url in urls for file in _files(url)]
    total = sum(file.size for file in files)
    if not places.output_may_exist:
        refuse_taken_output(places.output)
    for url in urls_of(inputs):
        if _reads(url, places.output):
            raise Refused(f"the output {places.output} lies in the input {url}, and would be read: choose another")
    partitions = _partitions(total) if sizing.partitions is None else sizing.partitions
    workers = _processes(sizing) if engine == "local" else _pods(total, _reduces(spec, partitions), sizing)
    _check_memory(sizing, sum(workers.values()))
    conf = JobConf(
        id=job_id,
        spec=spec,
        inputs=places.inputs,
        output=places.output,
        partitions=partitions,
        split_size=sizing.split_size or _split_size(total, max(workers.values())),
        workers=workers,
        inputs_digest=digest(files),
        bundle_url=places.bundle,
        memory=sizing.memory,
    )
    return PlannedJob(conf, places.job, owner)


def write(plan: PlannedJob) -> None:
    """Write `job.json`, once: a tree that holds another job's is refused, the same one is taken up again.

    Raises:
        Refused: the tree belongs to a job with another configuration.
    """
    tree = JobTree.open(plan.job_url)
    data = plan.conf.to_json()
    if not tree.create("job.json", data) and tree.load("job.json") != data:
        raise Refused(f"{plan.job_url} holds another job that was not finished: remove it, or choose another output")


def refuse_taken_output(url: str) -> None:
    """Raise OutputTaken if the output folder holds anything but an unfinished job's own tree (`_job/`).

    Raises:
        Refused: the output is a file, or would lie in one.
    """
    if blocking := _file_on_the_way(url):
        raise Refused(f"the output {url} can't be a folder, as {blocking} is a file: choose another output")
    for key in _outputs(url):
        raise OutputTaken(f"the output {url} exists already (it holds {key}): remove it or choose another")


def _check(sizing: Sizing, engine: str) -> None:
    """Before anything is looked at in the store."""
    if sizing.partitions is not None and not 1 <= sizing.partitions <= MOST_PARTITIONS:
        raise Refused(f"partitions must be between 1 and {MOST_PARTITIONS:,}, not {sizing.partitions}")
    if sizing.split_size is not None and sizing.split_size < 1024:
        raise Refused(f"a split has at least 1 KiB, not {sizing.split_size} bytes")
    if sizing.workers is not None and not 1 <= sizing.workers <= MOST_WORKERS[engine]:
        raise Refused(f"workers must be between 1 and {MOST_WORKERS[engine]} here, not {sizing.workers}")


def _check_memory(sizing: Sizing, workers: int) -> None:
    least = workers * SMALLEST_SHARE
    given = f"{sizing.memory or 0} bytes" if (sizing.memory or 0) < MIB else f"{(sizing.memory or 0) / MIB:.3g}MiB"
    if sizing.memory is not None and sizing.memory < least:
        raise Refused(
            f"the memory must be at least {least // MIB}MiB for {workers} workers ({SMALLEST_SHARE // MIB}MiB each), "
            f"not {given}: give more, or take fewer workers"
        )


def resolved(url: str) -> str:
    """A URL without its last slash; for a folder of this machine, of where its links lead."""
    folder, name = split_url(url.rstrip("/"))
    if not url.startswith("file:"):
        return url.rstrip("/")
    return str((Path(url2pathname(folder.removeprefix("file://"))) / name).resolve())


def _file_on_the_way(url: str) -> Path | None:
    if not url.startswith("file:"):
        return None
    place = Path(resolved(url))
    with contextlib.suppress(PermissionError):
        return next((path for path in (place, *place.parents) if path.is_file()), None)
    return None


def _reads(url: str, output: str) -> bool:
    """Whether an input's URL stands for what lies in a folder."""
    place, folder = resolved(url), resolved(output)
    if folder.startswith(f"{place}/") or place == fixed_part(place):
        return folder.startswith(f"{place}/")
    pattern = place + "/" * url.endswith("/")
    return any(matches(f"{folder}/{name}", pattern) for name in ("part-00000.txt", "_job/job.json"))


def _outputs(url: str) -> Iterator[str]:
    try:
        for stat in open_objects(url).list():
            if not stat.key.startswith("_job/"):
                yield stat.key
    except NotFound:
        return


def _inputs(spec: JobSpec, inputs: Inputs) -> dict[str, list[str]]:
    """What is given for each input. Which ones an entry reads only the first worker finds out."""
    if spec.entry:
        found = inputs if isinstance(inputs, dict) else {"": inputs}
        if not all(found.values()) or not found:
            raise Refused("the job has no input: give at least one file or folder")
        return found
    try:
        return by_name(spec, inputs)
    except InvalidInputs as error:
        raise Refused(str(error)) from error


def _reduces(spec: JobSpec, partitions: int) -> int:
    """The most reduce tasks that any stage has."""
    if spec.entry:
        return partitions
    return max((stage.partitions or partitions for stage in spec.stages if stage.reduce is not None), default=0)


def _files(url: str) -> list[File]:
    try:
        found = list_files(url)
    except NotFound as error:
        if (pattern := unquote(url)) != fixed_part(pattern):
            raise Refused(f"the input {pattern} matches no file: check the path and the pattern") from error
        hidden = "(those whose names begin with a dot or an underscore are no data)"
        raise Refused(
            f"the input {url} doesn't exist, or is a folder without files {hidden}: check the path"
        ) from error
    for file in found:
        if f"/{file.key}".endswith("/_job/job.json"):
            what = f"the input {url} holds the output of a job that isn't finished ({file.key})"
            raise Refused(f"{what}: let that job's command end first, or name the files to read")
    return found


def _partitions(total: int) -> int:
    return max(1, min(MOST_BY_SIZE, -(-total // PARTITION_BYTES)))


def _split_size(total: int, workers: int) -> int:
    """About two splits a worker, so that a slow one can be helped, between 1 and 64 MiB. More of them would give each
    key that stands in all of them once more."""
    return max(SMALLEST_SPLIT, min(LARGEST_SPLIT, -(-total // (2 * workers))))


def _processes(sizing: Sizing) -> dict[str, int]:
    return {"all": sizing.workers or available_cores()}


def _pods(total: int, reduces: int, sizing: Sizing) -> dict[str, int]:
    if sizing.workers is None and total <= SMALL_JOB_BYTES:
        return {"all": 1}
    maps = sizing.workers or min(-(-total // LARGEST_SPLIT), MOST_PODS)
    return {"split": 1, "map": maps, **({"reduce": min(reduces, maps)} if reduces else {})}


def available_cores() -> int:
    """Cores that this process may use (at least 1), which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
