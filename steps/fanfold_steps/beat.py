"""The beat: a thread that tells others this worker lives, and ends it when the job has failed elsewhere."""

import json
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from fanfold_steps import exits
from fanfold_steps.claims import BEAT_SECONDS
from fanfold_steps.report import Reporter
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import StorageError

FAREWELL_SECONDS = 0.5


class Beat:
    """Beats while the worker works (a context manager)."""

    def __init__(self, tree: JobTree, worker: str, reporter: Reporter, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._tree = tree
        self._worker = worker
        self._reporter = reporter
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        beat = os.getpid() << 32  # a restarted worker's beats differ from those it left behind
        while True:
            beat += 1
            self._flush()
            try:
                told = json.dumps({"beat": beat, "status": self._reporter.words})
                self._tree.objects.put(f"workers/{self._worker}.json", [told.encode()], hint=True)
                failure = self._tree.failure()
            except StorageError as error:
                print(f"fanfold: {self._worker}: no beat: {error}", file=sys.stderr, flush=True)
                failure = None
            # The failure may be this worker's own: then the main thread is on its way out with it, and needs a moment.
            if self._stop.wait(FAREWELL_SECONDS if failure else BEAT_SECONDS):
                return
            if failure:
                # The main thread may be deep in the user's code; only leaving the process stops that for certain.
                self._reporter.failed(failure)
                os._exit(exits.FAILED)
