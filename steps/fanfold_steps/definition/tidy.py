"""What the last worker of a job that plans itself does before it leaves: nobody waits for the job to clean up after it.

It leaves `job.json`, `plan.json`, `report.json`, `tasks.json` and the logs: a pod that starts late finds that there is
nothing to do.
"""

from contextlib import suppress

from fanfold_steps.outputs.finish import sweep
from fanfold_steps.tree.job_tree import JobTree
from fanfold_storage.errors import StorageError

KEPT = ("job.json", "plan.json", "report.json", "tasks.json", "logs/")


def tidy(tree: JobTree, worker: str) -> None:
    """Remove what only the job's workers needed, once the job is done and no other worker is left.

    A worker that died without a word counts as being there. That something can't be removed changes nothing.
    """
    with suppress(StorageError):
        tree.objects.delete(f"workers/{worker}.json")
        if next(iter(tree.objects.list("workers/")), None) or tree.report() is None:
            return
        conf = tree.conf()
        sweep(conf, tree)
        if tree.url("") == f"{conf.output}_job/":  # a service's store has rules of its own
            for stat in list(tree.objects.list()):
                if not stat.key.startswith(KEPT):
                    tree.objects.delete(stat.key)
