"""What belongs to a user's id, for administrators: it stays when the user is removed, until it is cleared."""

import time
from typing import NamedTuple

from fanfold_client.api.paths import owner_path
from fanfold_client.api.transport import Transport

POLL_SECONDS = 0.5  # between requests to go on removing


class Removed(NamedTuple):
    """How many files and jobs were removed."""

    files: int
    jobs: int


class Owners:
    """The ids of users, also of those who were removed, as owners of files and jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def clear(self, owner_id: str) -> Removed:
        """Remove all files and jobs of an id; returns how many. Running jobs are cancelled.

        Disable or remove the user first.

        Raises:
            NotFound: no user can have this id.
            NotAllowed: you aren't an administrator.
        """
        files = jobs = 0
        while True:
            removed = self._transport.json("DELETE", owner_path(owner_id))
            files, jobs = files + removed["files"], jobs + removed["jobs"]
            if removed["done"]:
                return Removed(files, jobs)
            time.sleep(POLL_SECONDS)
