"""The log of a job as its owner may read it: control characters escaped, places by the owner's names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from fanfold_steps.failure.wording import quantity
from fanfold_steps.logs.line import LogLine, task_filter
from fanfold_steps.logs.reader import InvalidPosition, LogReader
from fanfold_steps.tree.job_tree import JobTree
from fanfold_submit.jobs.failures import printable
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.places import Places, run_url
from fanfold_submit.refusals import InvalidLogQuery

BATCH = 500  # lines that one thread's turn reads, of those that nobody asked for many more
MOST_SKIPPED = 20_000
LONGEST = 128 << 10  # characters of a line


@dataclass(slots=True)
class JobLog:
    """The log of one job, read in turns that are short."""

    reader: LogReader
    redact: Callable[[str], str]
    is_wanted: Callable[[str], bool] | None
    is_over: bool = False
    """Whether it is that of an earlier run, to which nothing is added."""
    _lines: Iterator[LogLine] | None = None

    @property
    def position(self) -> str:
        """Where the next turn goes on."""
        return self.reader.position

    def turn(self) -> tuple[list[LogLine], bool]:
        """The next lines, and whether these are all that there are by now. Raises StorageError."""
        if self._lines is None:
            self._lines = self.reader.lines()
        read = list(islice(self._lines, BATCH if self.is_wanted is None else MOST_SKIPPED))
        is_end = len(read) < (BATCH if self.is_wanted is None else MOST_SKIPPED)
        if is_end:
            self._lines = None
        wanted = read if self.is_wanted is None else [line for line in read if self.is_wanted(line.task)]
        return [replace(line, text=printable(self.redact(line.text), LONGEST)) for line in wanted], is_end


def log_of(job: Job, places: Places, task: str | None, position: str, run: int | None = None) -> JobLog:
    """The log of a job's last run, or of an earlier one: of one task or of all, from a position on.

    Runs that go on from one another write one log. Raises InvalidLogQuery.
    """
    url = job.url if run is None else _tree_of(job, places, run)
    try:
        is_wanted = task_filter(task) if task else None
        reader = LogReader.at(JobTree.open(url).objects, position)
    except InvalidPosition as error:
        raise InvalidLogQuery(f"{str(error).capitalize()}.") from None
    except ValueError as error:
        raise InvalidLogQuery(f"{error}.") from None
    return JobLog(reader, lambda text: places.redact(text, job.owner_id), is_wanted, is_over=url != job.url)


def _tree_of(job: Job, places: Places, run: int) -> str:
    """The URL of the tree in which a run of the job wrote its log. Raises InvalidLogQuery: there was no such run."""
    if run > job.runs:
        raise InvalidLogQuery(f"Job {job.id} has had {quantity(job.runs, 'run')}, so there is no run {run}.")
    begun = max((anew for anew in job.anew if anew <= run), default=1)
    if begun == max(job.anew, default=1):
        return job.url
    first = places.job_url(job.id)
    return first if begun == 1 else run_url(first, begun)
