"""How a job's sizes follow from the size of its inputs, wherever it is planned: by a command, a service or a worker.

Only the number of partitions affects the output.
"""

from fanfold_steps.job.spec import JobSpec

MIB = 1 << 20
PARTITION_BYTES = 128 * MIB  # input per partition, unless the job sets the number
MOST_BY_SIZE = 64  # partitions, unless the job sets the number
SMALLEST_SPLIT, LARGEST_SPLIT = MIB, 64 * MIB
MOST_SPLITS = 100_000  # from here on they grow with the input: the plan names each of them


def partitions_for(total: int) -> int:
    """The number of partitions of a job that reads `total` bytes.

    >>> partitions_for(0), partitions_for(300 * MIB), partitions_for(1 << 50)
    (1, 3, 64)
    """
    return max(1, min(MOST_BY_SIZE, -(-total // PARTITION_BYTES)))


def split_size_for(total: int, workers: int) -> int:
    """About two splits per worker, so that others can help a slow one, between 1 and 64 MiB each; larger if there would
    be more than 100,000.

    With more splits, a key that occurs everywhere would be emitted more often.

    >>> split_size_for(300 * MIB, 2) // MIB, split_size_for(10**12, 50) // MIB, split_size_for(10**15, 50) // MIB
    (64, 64, 9536)
    """
    return max(SMALLEST_SPLIT, min(LARGEST_SPLIT, -(-total // (2 * workers))), -(-total // MOST_SPLITS))


def most_reduces(spec: JobSpec, partitions: int) -> int:
    """The most reduce tasks that any stage has. What an entry compiles to isn't known yet: it counts as one reducer."""
    if spec.entry:
        return partitions
    return max((stage.partitions or partitions for stage in spec.stages if stage.reduce is not None), default=0)


def pods_of(spec: JobSpec, partitions: int | None, workers: int, *, in_order: bool = False) -> dict[str, int]:
    """How many pods there are for each step of a job that plans itself, whose input nobody has measured.

    Args:
        spec: the job.
        partitions: their number; None: it will follow from the size of the input.
        workers: the number of map pods. If there is one, it does every step.
        in_order: whether each step has a pod of its own even then.

    >>> from fanfold_steps.job.spec import Aggregate, StageSpec
    >>> job = JobSpec(stages=[StageSpec(reduce=Aggregate("Sum"))])
    >>> pods_of(job, None, 1), pods_of(job, None, 4), pods_of(job, 2, 4)
    ({'all': 1}, {'split': 1, 'map': 4, 'reduce': 4}, {'split': 1, 'map': 4, 'reduce': 2})
    """
    stages = crews(spec)
    if len(stages) > 1:
        later = min(max(most_reduces(spec, partitions or workers), partitions or workers), workers)
        return {f"stage-{stage}": later if stage else workers for stage in stages}
    if workers == 1 and not in_order:
        return {"all": 1}
    reduces = min(most_reduces(spec, partitions or workers), workers)
    return {"split": 1, "map": workers, **({"reduce": reduces} if reduces else {})}


def crews(spec: JobSpec) -> tuple[int, ...]:
    """The stages at which pods of another kind take over, because they ask for other resources."""
    asked = [spec.resources_of(stage) for stage in range(len(spec.stages))]
    return tuple(index for index, stage in enumerate(asked) if not index or stage != asked[index - 1])
