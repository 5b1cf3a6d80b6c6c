"""What workers on one machine hand to each other counts within one boot of that machine, so they needn't sync it.

A process that dies loses nothing that it has written; only a machine that crashes does. `boot.json` names the boot in
which a job's runs and commits were written. If the machine has been started since, they are forgotten, and their tasks
are done again. What must outlive the machine is synced as before: plans, failures, reports and the output.
"""

import json
from pathlib import Path

from fanfold_steps.tree.job_tree import BOOT_KEY, JobTree
from fanfold_steps.tree.report import REPORT_KEY
from fanfold_steps.tree.typed import Malformed
from fanfold_storage.errors import NotFound

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # a new one at every boot, random(4)


def begin_within_boot(tree: JobTree) -> bool:
    """Forget commits of an earlier boot, before workers start; returns whether theirs need only last for this boot.

    Raises StorageError.
    """
    boot, noted = _boot_id(), _noted(tree)
    if noted != boot:
        if noted and not _is_done(tree):
            _forget_commits(tree)
        # In one step, and only now: should the machine crash once more, forgotten commits may be back.
        tree.objects.put(BOOT_KEY, [json.dumps({"boot": boot}).encode()])
    return bool(boot)


def _noted(tree: JobTree) -> str:
    """The boot in which commits were made; empty if they are durable, or there are none."""
    try:
        return str((tree.find(BOOT_KEY) or {"boot": ""})["boot"])
    except (Malformed, KeyError):  # a job's code may write here
        return "unknown"


def _is_done(tree: JobTree) -> bool:
    try:
        tree.objects.stat(REPORT_KEY)
    except NotFound:
        return False
    return True


def _boot_id() -> str:
    """Which boot of this machine it is; empty if the system doesn't tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:  # not Linux
        return ""


def _forget_commits(tree: JobTree) -> None:
    """Remove all commits. Their order doesn't matter: until `boot.json` is replaced, the next one begins here, too."""
    for stat in list(tree.objects.list("stage-")):
        if stat.key.split("/")[2:3] == ["commits"]:
            tree.objects.delete(stat.key)
