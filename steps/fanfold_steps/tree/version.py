"""The version of the job tree's format. A tree that another version of Fanfold created is refused, not guessed at."""

from fanfold_steps.failure.permanent import PermanentFailure

TREE_VERSION = 1
"""Stored in `job.json`, `plan.json` and every commit. Raise it when the format of one of them, or of runs, changes."""


class OtherVersion(PermanentFailure):
    """The job was begun by another version of Fanfold."""


def demand_version(data: object, url: str) -> None:
    """Raise OtherVersion unless the JSON value at `url` has this version's format."""
    if isinstance(data, dict) and data.get("version") == TREE_VERSION:
        return
    mend = "finish it with that version, or start over: with --overwrite, or by submitting the job again"
    raise OtherVersion("version", f"the job was begun by another version of Fanfold ({url}): {mend}")
