"""The heartbeat: a thread that shows others that this worker is alive, and ends it if the job has failed elsewhere."""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.left import leave
from fanfold_steps.worker import exits
from fanfold_steps.worker.claims import HEARTBEAT_SECONDS
from fanfold_steps.worker.report import Reporter
from fanfold_storage.errors import StorageError

FAREWELL_SECONDS = 0.5


class Heartbeat:
    """Writes a heartbeat every second while the worker runs (a context manager)."""

    def __init__(
        self,
        tree: JobTree,
        worker: str,
        reporter: Reporter,
        before: Callable[[], None],
        doing: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """`before` is called before each heartbeat; `doing` says at which task the worker is."""
        self._before, self._doing = before, doing
        self._tree = tree
        self._worker = worker
        self._reporter = reporter
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        beat = os.getpid() << 32  # so the beats of a restarted worker differ from those of the process before
        while True:
            beat += 1
            self._before()
            try:
                heartbeat = json.dumps({"beat": beat, "status": self._reporter.words, **self._doing()})
                self._tree.objects.put(f"workers/{self._worker}.json", [heartbeat.encode()], hint=True)
                failure = self._tree.failure()
            except StorageError as error:
                print(f"fanfold: {self._worker}: no heartbeat was written: {error}", file=sys.stderr, flush=True)
                failure = None
            # The failure may be this worker's own: then the main thread is about to exit with it, and needs a moment.
            if self._stop.wait(FAREWELL_SECONDS if failure else HEARTBEAT_SECONDS):
                return
            if failure:
                # The main thread may be deep in the user's code; only exiting the process is certain to stop that.
                leave(self._tree, self._worker)
                self._reporter.failed(failure)
                os._exit(exits.FAILED)
