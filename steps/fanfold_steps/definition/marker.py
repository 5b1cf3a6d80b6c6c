"""definitions/ID.json in a service's store: tells the service of a job that a Workflow has started by itself.

The service reads it once and deletes it. Whoever can write to the store can write one, so it is checked like a request.
"""

import json
from dataclasses import asdict, dataclass

from fanfold_steps.definition.definition import Arguments, Definition
from fanfold_storage.urls import open_objects

FOLDER = "definitions/"
LARGEST = 64 << 10
"""Bytes of a marker."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What a service is told of the job, besides its tree."""

    namespace: str
    name: str
    uid: str
    """The Workflow's."""
    owner: str = ""
    """The id of the user who may see the job; admins may, too."""


def write_marker(definition: Definition, arguments: Arguments, job: str) -> None:
    """Tell the service whose store the job's tree lies in. Raises StorageError."""
    namespace, name, uid = [*arguments.workflow.split("/"), "", "", ""][:3]
    marker = Marker(namespace, name, uid, definition.owner)
    assert definition.store
    open_objects(definition.store).put(f"{FOLDER}{job}.json", [json.dumps(asdict(marker)).encode()])
