"""Workers keep to the memory that they are given: measured on real processes, beside those of an empty job."""

import random
import subprocess
import sys

import pytest

from fanfold_steps.budget import MIB, SMALLEST_SHARE
from fanfold_steps.spec import Aggregate, Function, StageSpec

HERE = "tests.steps.functions"
STAGES = {
    "Sum": StageSpec(Function(f"{HERE}:first_word"), Aggregate("Sum")),
    "reducer": StageSpec(Function(f"{HERE}:by_first_word"), Function(f"{HERE}:longest")),
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


@pytest.mark.parametrize("name", STAGES)
def test_a_worker_stays_within_its_share(small_job, tmp_path_factory, name):
    empty = type(small_job)(tmp_path_factory.mktemp("empty"))
    empty.write_input({"a.txt": b"a 1\n"})
    empty.create(STAGES[name], memory=SMALLEST_SHARE)
    chance = random.Random(2)
    lines = [b"%012d %s\n" % (chance.getrandbits(36), b"x" * chance.randint(0, 150)) for _ in range(400_000)]
    small_job.write_input({"a.txt": b"".join(lines)})
    small_job.create(STAGES[name], partitions=1, split_size=64 * MIB, memory=SMALLEST_SHARE)
    assert peak(small_job) - peak(empty) < 1.25 * SMALLEST_SHARE
    assert small_job.output()["part-00000.txt"].count(b"\n") == len({line[:12] for line in lines})
