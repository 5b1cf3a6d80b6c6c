"""PyArrow: loaded only by jobs that need it, and missed with clear words."""

from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.memory.process import is_worker
from fanfold_storage.extras import to_install


def load_pyarrow() -> Any:
    """Import PyArrow; in a worker it takes memory as Python does, within the limit of the process, and starts no
    threads.

    Raises:
        PermanentFailure: it isn't there.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        mend = f"install it where the job runs: {to_install('parquet')}"
        raise PermanentFailure("code", f"Parquet needs PyArrow, which can't be imported ({error}): {mend}") from error
    if is_worker():
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
        pyarrow.set_cpu_count(1)
    return pyarrow


def load_compute() -> Any:
    """Import PyArrow's functions over arrays, which `load_pyarrow` leaves out because they load slowly.

    Raises:
        PermanentFailure: PyArrow isn't there.
    """
    load_pyarrow()
    import pyarrow.compute

    return pyarrow.compute
