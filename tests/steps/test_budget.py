"""Workers keep to the memory that they are given: measured on real processes, beside those of an empty job."""

import random
import subprocess
import sys

import pytest

from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.memory.budget import MIB, SMALLEST_SHARE

HERE = "tests.steps.functions"
STAGES = {
    "Sum": StageSpec(Function(f"{HERE}:first_word"), Aggregate("Sum")),
    "reducer": StageSpec(Function(f"{HERE}:by_first_word"), Function(f"{HERE}:longest")),
}
COUNTED = Function(f"{HERE}:count_only")
OF_ONE_RECORD = {
    "Sum": StageSpec(Function(f"{HERE}:many_of_one"), Aggregate("Sum")),
    "Mean": StageSpec(Function(f"{HERE}:many_of_one"), Aggregate("Mean")),
    "reducer": StageSpec(Function(f"{HERE}:many_of_one"), COUNTED),
    "values of one key": StageSpec(Function(f"{HERE}:many_for_a_key"), COUNTED),
    "sorted values of one key": StageSpec(Function(f"{HERE}:many_for_a_key"), COUNTED, sort_values=True),
    "no reducer": StageSpec(Function(f"{HERE}:many_of_one")),
}
PEAK = """
import re, resource, sys
from pathlib import Path
from fanfold_steps.__main__ import main
status = main(sys.argv[1:])
told = Path("/proc/self/status")
if told.exists():
    print(int(re.search(r"VmHWM:[^0-9]*([0-9]+) kB", told.read_text())[1]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(status)
"""


def peak(job):
    """The most memory that a worker took to do the whole job, in bytes.

    Linux's `ru_maxrss` won't do: it begins with that of the process that started this one, pytest, which is larger.
    """
    command = [sys.executable, "-c", PEAK, "all", "--job", job.url]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def growth(small_job, folder, stage, least, data):
    """By how many bytes a worker grows with the data, in one split, beyond what it takes for the least input."""
    empty = type(small_job)(folder)
    empty.write_input({"a.txt": least})
    empty.create(stage, memory=SMALLEST_SHARE)
    small_job.write_input({"a.txt": data})
    small_job.create(stage, partitions=1, split_size=64 * MIB, memory=SMALLEST_SHARE)
    return peak(small_job) - peak(empty)


@pytest.mark.thorough
@pytest.mark.parametrize("name", STAGES)
def test_a_worker_stays_within_its_share(small_job, tmp_path, name):
    chance = random.Random(2)
    lines = [b"%012d %s\n" % (chance.getrandbits(36), b"x" * chance.randint(0, 150)) for _ in range(400_000)]
    assert growth(small_job, tmp_path / "empty", STAGES[name], b"a 1\n", b"".join(lines)) < 1.25 * SMALLEST_SHARE
    assert small_job.output()["part-00000.txt"].count(b"\n") == len({line[:12] for line in lines})


@pytest.mark.thorough
@pytest.mark.parametrize("name", OF_ONE_RECORD)
def test_a_worker_stays_near_its_share_when_one_record_gives_more_than_it_holds(small_job, tmp_path, name):
    """Not as near: how much comes between two looks depends on how fast the mapper is, but not on how much comes."""
    found = growth(small_job, tmp_path / "empty", OF_ONE_RECORD[name], b"1\n", b"500000\n")
    assert found < 2.5 * SMALLEST_SHARE
    lines = small_job.output()["part-00000.txt"].splitlines()
    assert lines == [b"k\t500000"] if "one key" in name else len(lines) == 500_000
