"""What can be asked of a job's Workflow in Python; the names are those of the command's options."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Place = str | Sequence[str]
"""One URL or several. Argo's variables may occur in them, as in `s3://logs/{{workflow.parameters.day}}/`."""
Places = Place | Mapping[str, Place]
"""The place of the input, or those of named inputs, by name."""


class PodOptions(TypedDict, total=False):
    """Where pods run, what they are given, and where they find the code and write the tree."""

    image: str
    """The image; by default, that of the steps, in this version."""
    service_account: str
    """By default `fanfold-steps`."""
    claim: str
    """`NAME` or `NAME:PATH`: a PersistentVolumeClaim, mounted at PATH (by default /data)."""
    s3_secret: str
    """The Secret with the credentials for `s3://…` places."""
    s3_endpoint: str
    """The S3 server, as pods see it; by default AWS."""
    s3_region: str
    bundles: str
    """A folder, as `s3://…` or `file:///…`, to which rendering copies the job's code; the pods fetch it from there.
    Without it, the image has to contain the code."""
    store: str
    """The storage of a service, whose commands can then list the job; by default, the tree is in OUTPUT/_job/."""
    owner: str
    """With `store`: the id of the user who may see the job there, besides admins."""


class JobOptions(PodOptions, total=False):
    """How a job runs."""

    workers: int | str
    """How many map pods there are, and at most as many for reducing. With 1, the default, one pod does every step. May
    be a variable of Argo's."""
    partitions: int | str
    """Parts of the output; by default they follow from the size of the input. May be a variable of Argo's."""
    split_size: int
    """Bytes of input per map task; by default they follow from the size of the input."""
    memory: int
    """Bytes for all workers together; by default half of what each one's container has."""
    params: Mapping[str, Any]
    """The job's parameters. Strings may hold variables of Argo's."""
    in_order: bool
    """Make split, map and reduce wait for each other in Argo, too, so that its UI draws them as a graph."""


class WorkflowOptions(JobOptions, total=False):
    """What can be asked of a Workflow of its own."""

    namespace: str
    """By default `fanfold`."""
    deadline: int
    """Seconds after which Argo ends it; by default a day."""


class NodeOptions(JobOptions, total=False):
    """What can be asked of a task or step inside a Workflow of the user's: also what Hera's take under these names."""

    with_items: Any
    with_param: Any
    when: str
    depends: str
