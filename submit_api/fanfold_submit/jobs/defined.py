"""Jobs that this service hasn't admitted: Workflows that plan themselves have started them, with trees in its store.

A marker and a tree are all that is known of such a job, and whoever can write to the store can write both. So nothing
in them leads the service anywhere: it reads the tree where the job's id says, starts and stops nothing, and serves an
output only from places where it serves any.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from fanfold_steps.definition.marker import LARGEST, Marker
from fanfold_steps.failure.wording import quantity
from fanfold_steps.job.spec import MOST_PARTITIONS
from fanfold_steps.tree.job_tree import JOB_KEY, JobTree
from fanfold_steps.tree.typed import Malformed, read_as
from fanfold_steps.tree.version import demand_version
from fanfold_storage.objects import Objects, read_all
from fanfold_submit.job_ids import milliseconds_of
from fanfold_submit.jobs.failures import printable
from fanfold_submit.jobs.job import Job, State, Workflow
from fanfold_submit.jobs.places import Places

MOST_NAME = 200  # characters


@dataclass(frozen=True, slots=True)
class _Conf:
    """What is taken from `job.json`."""

    id: str
    spec: dict[str, Any]
    output: str
    partitions: int
    inputs: Any
    bundle_url: str | None = None


def defined_job(job_id: str, marker: Marker, places: Places, now: float) -> Job:
    """The record of a job that a Workflow has started.

    Raises:
        NotFound: its tree isn't there (yet).
        PermanentFailure: the tree isn't one of that job, or of this version.
    """
    url = places.job_url(job_id)
    tree = JobTree.open(url)
    data = tree.read(JOB_KEY)
    where = tree.url(JOB_KEY)
    demand_version(data, where)
    conf = read_as(_Conf, data, where)
    if conf.id != job_id:
        raise Malformed("tree", f"{where} belongs to another job, {printable(conf.id, MOST_NAME)}")
    if not 1 <= conf.partitions <= MOST_PARTITIONS:
        raise Malformed("tree", f"{where} isn't what Fanfold writes there ({quantity(conf.partitions, 'partition')})")
    output = conf.output if places.may_serve(conf.output, job_id, marker.owner) else ""
    kept = {"inputs": conf.inputs, "output": output, "bundle_url": conf.bundle_url}
    _check_storable(kept, where)
    created = min(milliseconds_of(job_id) / 1000, now)
    try:
        return Job(
            id=job_id,
            name=printable(str(conf.spec.get("name", "job")), MOST_NAME),
            owner=marker.owner,
            owner_id=marker.owner,
            state=State.QUEUED,
            engine="argo",
            admitted=False,
            inputs=conf.inputs,
            output=printable(places.redact(conf.output, marker.owner)),
            partitions=conf.partitions,
            workflow=Workflow(namespace=marker.namespace, name=marker.name, uid=marker.uid),
            created=datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            conf=kept,
            url=url,
        )
    except ValidationError as error:
        raise Malformed("tree", f"{where} isn't what Fanfold writes there ({error.errors()[0]['msg']})") from error


def _check_storable(data: object, where: str) -> None:
    """See that a record can hold the data: no half characters (lone surrogates), no endless depth. Raises Malformed."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise Malformed("tree", f"{where} isn't what Fanfold writes there ({error})") from error


def marker_at(objects: Objects, key: str) -> Marker:
    """The marker at a key. Raises NotFound, TooLarge, Malformed."""
    try:
        data = json.loads(read_all(objects, key, LARGEST))
    except (ValueError, RecursionError) as error:
        raise Malformed("tree", f"{key} isn't JSON ({error})") from error
    marker = read_as(Marker, data, key)
    if any(len(text) > MOST_NAME or not text.isprintable() for text in (marker.name, marker.namespace, marker.uid)):
        raise Malformed("tree", f"{key} names a Workflow that can't exist")
    if len(marker.owner) > MOST_NAME or not all(letter.isalnum() or letter in "-_." for letter in marker.owner):
        raise Malformed("tree", f"{key} names an owner that can't exist")
    return marker
