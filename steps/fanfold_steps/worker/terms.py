"""What holds while a worker does a stage: the stage's environment variables, and its deadline."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fanfold_steps.job.resources import Resources
from fanfold_steps.job.spec import JobSpec


@contextmanager
def terms(resources: Resources, on_late: Callable[[float], None]) -> Iterator[None]:
    """Set the variables, and watch the deadline, while the context is open.

    The clock runs from when this worker comes to the stage, so it starts anew in one that replaces a dead worker.

    Args:
        resources: what the stage says.
        on_late: called with the deadline in seconds, from another thread; it ends the process.
    """
    before = {name: os.environ.get(name) for name in resources.env}
    os.environ.update(resources.env)
    timer = None
    if resources.deadline:
        timer = threading.Timer(resources.deadline, on_late, [resources.deadline])
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)  # the job's code may have removed it
            else:
                os.environ[name] = value


def threads_of(spec: JobSpec) -> int:
    """The threads of a worker: as many as the cores that it was given, in the stage that has most."""
    asked = [spec.resources_of(stage).cpu or 1 for stage in range(len(spec.stages) or 1)]
    return max(1, int(max(asked, default=1)))
