"""What is kept of a run in its output once the job's tree is gone: `_fanfold/`, for `fanfold logs`, `tasks`, `explain`.

OUTPUT/_fanfold/log.txt       the lines of all workers in the order of their times
OUTPUT/_fanfold/tasks.json    what each task did
OUTPUT/_fanfold/report.json   what the job wrote and counted, its steps, how long it took; written last
"""

import json
from collections.abc import Iterator

from fanfold_steps.crash_points import around
from fanfold_steps.job.spec import JobConf
from fanfold_steps.logs.line import NO_TASK, LogLine, Mark
from fanfold_steps.logs.reader import LogReader
from fanfold_steps.tree.job_tree import TASKS_KEY, JobTree
from fanfold_steps.tree.plan import PlanHead
from fanfold_steps.tree.typed import Malformed
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects
from fanfold_storage.urls import open_objects

FOLDER = "_fanfold/"
LOG, REPORT = "log.txt", "report.json"
LARGEST_LOG = 32 << 20  # bytes, of all workers
CHUNK = 256 << 10


def keep(tree: JobTree, conf: JobConf, output: str, seconds: float | None) -> None:
    """Keep what is worth knowing of a job that succeeded. Interrupted, it is done again as long as the tree is whole.

    Args:
        tree: the job's tree, from which nothing was removed yet.
        conf: the job's configuration.
        output: the URL of the folder for it.
        seconds: how long the run took, if that is known.

    Raises:
        StorageError: a store is unavailable.
    """
    report = tree.report()
    store = open_objects(output)
    if report is None or _is_kept(store, conf.id):
        return
    with around("keep.log"):
        store.put(f"{FOLDER}{LOG}", _log(LogReader(tree.objects)), hint=True)
    if table := tree.find(TASKS_KEY):
        with around("keep.tasks"):
            store.put(f"{FOLDER}{TASKS_KEY}", [json.dumps(table).encode()], hint=True)
    content = {
        **report.to_json(),
        "name": conf.spec.name,
        "workers": sum(conf.workers.values()),
        "stages": PlanHead.load(tree).tasks,
        "seconds": seconds,
    }
    with around("keep.report"):
        store.put(f"{FOLDER}{REPORT}", [json.dumps(content, indent=2).encode() + b"\n"], hint=True)


def _is_kept(store: Objects, job_id: str) -> bool:
    try:
        kept = json.loads(b"".join(store.read(f"{FOLDER}{REPORT}")))
    except (NotFound, ValueError, Malformed):
        return False
    return isinstance(kept, dict) and kept.get("job") == job_id


def _log(reader: LogReader) -> Iterator[bytes]:
    """The log in chunks; its last line says so if it is cut."""
    chunk: list[bytes] = []
    size = held = 0
    for line in reader.lines():
        encoded = f"{line}\n".encode("utf-8", "backslashreplace")
        size, held = size + len(encoded), held + len(encoded)
        if size > LARGEST_LOG:
            what = f"the log has more than {LARGEST_LOG:,} bytes; the rest is omitted"
            chunk.append(f"{LogLine(line.time, line.worker, NO_TASK, Mark.OWN, what)}\n".encode())
            break
        chunk.append(encoded)
        if held >= CHUNK:
            yield b"".join(chunk)
            chunk, held = [], 0
    yield b"".join(chunk)
