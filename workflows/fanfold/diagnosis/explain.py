"""What bounds a job, in sentences: each finding says what is so, by which figures, and what to change.

Rules of thumb over what the tree and the engine tell, the weightiest first; nothing here is measured anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from fanfold.diagnosis.skew import StepSkew
from fanfold.diagnosis.tasks import JobTasks
from fanfold.terminal.console import duration, quantity, size
from fanfold_steps.failure.wording import in_a_line
from fanfold_steps.tree.failed import Failure

UNEQUAL = 3.0  # times the typical task, from which on one is worth a sentence
WORTH_SECONDS = 5.0  # a task that takes less bounds nothing
WORTH_BYTES = 1 << 20
HEAVY = 0.5  # of the values of an average partition
BUSY, IDLE = 0.8, 0.4  # of a task's time spent computing


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that bounds the job: a code for programs, what is so, and what to change."""

    code: str
    message: str
    change: str

    def __str__(self) -> str:
        return f"{self.message} {self.change}".strip()


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What is known of a job. `seconds` is how long it has been running, or ran; `workers` how many it has."""

    state: str
    tasks: JobTasks
    workers: int
    seconds: float = 0.0
    failure: Failure | None = None
    waiting: str = ""
    """Why it waits, in a sentence: in the queue, or for its pods."""
    unsplit: Sequence[str] = ()
    """Sentences about files that can't be split."""


def explain(job: JobFacts, skews: Sequence[StepSkew]) -> list[Finding]:
    """What bounds a job, the weightiest first; one finding says so if nothing stands out.

    `skews` are those of its tasks, which callers also show.
    """
    found = list(
        chain(
            _failed(job),
            _waiting(job),
            *(chain(_heavy_key(skew), _unequal(skew)) for skew in skews),
            _stragglers(job, skews),
            _few_splits(job, skews),
            _spilling(job, skews),
            _starting(job),
            _where_time_goes(job),
        )
    )
    return found or [Finding("nothing", "Nothing stands out in this job.", "")]


def _failed(job: JobFacts) -> Iterator[Finding]:
    if failure := job.failure:
        task = failure.task
        where = f" at {task}" if task else ""
        log = f"Read the task's log with `fanfold logs ID --task {task}`." if task else ""
        yield Finding("failed", f"The job failed{where}: {in_a_line(failure.message).rstrip('.')}.", log)


def _waiting(job: JobFacts) -> Iterator[Finding]:
    if job.waiting:
        yield Finding("waiting", in_a_line(job.waiting), "")


def _heavy_key(skew: StepSkew) -> Iterator[Finding]:
    """A key whose values alone are a good part of what an average partition has."""
    if not skew.keys or skew.tasks < 2 or not skew.values:
        return
    key = skew.keys[0]
    share = key.values / skew.values
    if share * skew.tasks > 1 + HEAVY and skew.seconds.largest >= WORTH_SECONDS:
        what = f"The key {key.key} has {share:.0%} of the {skew.values:,} values that stage {skew.stage} reduces"
        yield Finding(
            "heavy-key",
            f"{what}, and one task, reduce/{key.partition}, gets all of them.",
            "Combine values before they are reduced (combine=, or an aggregation), or divide the key into several.",
        )


def _unequal(skew: StepSkew) -> Iterator[Finding]:
    """Partitions of very different sizes."""
    sizes = skew.bytes_in
    is_late = skew.seconds.largest >= WORTH_SECONDS and skew.seconds.factor >= UNEQUAL
    if (
        skew.step == "reduce"
        and skew.tasks > 1
        and sizes.largest >= WORTH_BYTES
        and sizes.factor >= UNEQUAL
        and is_late
    ):
        what = f"Partition {sizes.index} of stage {skew.stage} has {size(sizes.largest)}"
        what += f", a typical one {size(sizes.typical)}"
        change = "Give it more partitions, or a partition function that spreads its keys."
        yield Finding("skew", f"{what}: its reducer takes {duration(skew.seconds.largest)}.", change)


def _stragglers(job: JobFacts, skews: Sequence[StepSkew]) -> Iterator[Finding]:
    """Tasks that take far longer than their fellows, though they don't have more to do."""
    typical = {(skew.stage, skew.step): skew.seconds.typical for skew in skews}
    for task in job.tasks.others().values():
        usual = typical.get((task.stage, task.step))
        if task.state == "running" and usual and (task.seconds or 0) > max(WORTH_SECONDS, UNEQUAL * usual):
            where = f" on {task.host}" if task.host else ""
            what = (
                f"{task.name} has been running for {duration(task.seconds or 0)}{where}, a typical one {usual:.1f} s."
            )
            yield Finding("straggler", what, "See what it does with `fanfold logs ID --task " + f"{task.name}`.")
            return
    for skew in skews:
        slow = skew.seconds
        evenly = skew.bytes_in.typical and skew.bytes_in.factor < UNEQUAL
        if skew.committed > 2 and slow.largest >= WORTH_SECONDS and slow.factor >= UNEQUAL and evenly:
            what = f"{skew.step}/{slow.index} of stage {skew.stage} took {duration(slow.largest)}, a typical task"
            change = f"See its log (`fanfold logs ID --task {skew.step}/{slow.index}`), and the machine that it ran on."
            yield Finding("straggler", f"{what} {slow.typical:.1f} s, with as much to read.", change)


def _few_splits(job: JobFacts, skews: Sequence[StepSkew]) -> Iterator[Finding]:
    maps = next((skew for skew in skews if (skew.stage, skew.step) == (0, "map")), None)
    if maps and maps.tasks < job.workers and maps.seconds.largest >= WORTH_SECONDS:
        splits, workers = quantity(maps.tasks, "split"), quantity(job.workers, "worker")
        what = f"There {'is' if maps.tasks == 1 else 'are'} {splits} for {workers}"
        why = " ".join(job.unsplit)
        yield Finding(
            "few-splits", f"{what}, so some have nothing to map. {why}".strip(), "Ask for a smaller split size."
        )


def _spilling(job: JobFacts, skews: Sequence[StepSkew]) -> Iterator[Finding]:
    for skew in skews:
        records = job.tasks.table.of_step(skew.stage, skew.step).values()
        spilled = sum(record.spilled for record in records)
        tasks = sum(1 for record in records if record.spills)
        if (
            spilled > WORTH_BYTES
            and tasks * 4 >= len(records)
            and spilled > sum(record.bytes_out for record in records)
        ):
            every = quantity(len(records), f"{skew.step} task")
            what = f"{tasks} of {every} of stage {skew.stage} spilled {size(spilled)} to disk"
            change = "Give more memory (--memory, Resources(memory=…)), or take fewer workers or a smaller split size."
            yield Finding("spilling", f"{what}, for lack of memory.", change)


def _starting(job: JobFacts) -> Iterator[Finding]:
    """A job whose workers did little for most of its time."""
    busy = sum(record.seconds for records in job.tasks.table.records.values() for record in records.values())
    if job.state == "succeeded" and job.seconds > WORTH_SECONDS and busy / max(1, job.workers) < job.seconds / 5:
        workers = quantity(job.workers, "worker")
        what = f"The job took {duration(job.seconds)}, and its {workers} worked {busy:.1f} s in all"
        yield Finding("starting", f"{what}.", "Most of the time went into starting them: fewer workers may do.")


def _where_time_goes(job: JobFacts) -> Iterator[Finding]:
    """Whether tasks compute, or wait."""
    records = [record for records in job.tasks.table.records.values() for record in records.values()]
    seconds, cpu = sum(record.seconds for record in records), sum(record.cpu_seconds for record in records)
    if seconds < WORTH_SECONDS or not cpu:
        return
    if cpu < IDLE * seconds:
        what = f"Tasks computed for {cpu / seconds:.0%} of their {duration(seconds)}, and waited for the rest"
        change = "Look at what your code waits for, and at the store: whether it is far away, or busy."
        yield Finding("waiting-tasks", f"{what}: for the store, or for something that your code calls.", change)
    elif cpu > BUSY * seconds:
        what = f"Tasks computed for {min(1.0, cpu / seconds):.0%} of their {duration(seconds)}"
        change = "More workers or cores make it faster, as does less work per record in your functions."
        yield Finding("computing", f"{what}: your code, and what Fanfold does around it, bound the job.", change)
