"""Records for named outputs are spilled when there are many, also where bad records are skipped."""

import pytest

from fanfold import To
from fanfold_steps.failure.blame import Blame
from fanfold_steps.job.spec import JobConf, JobSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.outputs.quarantine import Quarantine
from fanfold_steps.outputs.side_records import NamedRecords
from fanfold_steps.records.skipping import skipping
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.user_code.loading import Code

ROOM = 100_000  # bytes, about, before it goes to disk
LONG = "x" * 1000


CONF = JobConf("test", JobSpec(), [], "file:///nowhere/", 1, 1, {"all": 1}, "")


@pytest.fixture
def scratch():
    with Scratch() as scratch:
        yield scratch


@pytest.fixture
def side_records(scratch):
    return NamedRecords(["rejects"], scratch, Budget(ROOM * 8 * 4 // 3))


def given(item):
    """As many records for an output as the item says; below nothing, they come to nothing."""
    for number in range(abs(item)):
        yield To("rejects", f"{LONG}{number}")
    if item < 0:
        raise ValueError(item)


@pytest.fixture
def mapped(side_records):
    """What is called for each item: it skips bad ones."""
    code = Code(CONF)
    attempt = Attempt(Task(0, "map", 0), "a", code, JobTree.open("file:///nowhere/"), side_records)
    attempt.quarantine = Quarantine()
    return skipping(lambda item: side_records.without(given(item)), attempt, Blame("mapper", code.root))


def spilled(scratch):
    return len(list(scratch.objects.list()))


def numbers(side_records):
    return [int(record.removeprefix(LONG)) for record in side_records.of("rejects")]


def test_what_good_records_gave_is_spilled_and_so_is_what_a_finish_gives(side_records, mapped, scratch):
    for _ in range(5):
        assert mapped(50) == []
    assert spilled(scratch) == 2
    assert list(side_records.without(given(500))) == []
    assert spilled(scratch) >= 6
    assert numbers(side_records) == [*range(50)] * 5 + [*range(500)]


def test_what_bad_records_gave_takes_no_room(side_records, mapped, scratch):
    for _ in range(100):
        assert mapped(-50) == ()
        assert mapped(0) == []
    assert mapped(10) == []
    assert spilled(scratch) == 0
    assert numbers(side_records) == [*range(10)]


def test_a_bad_record_takes_back_its_own_alone(side_records, mapped, scratch):
    """Also where it gave more than there is room for."""
    for item in (3, -2, 200, -300, 4):
        mapped(item)
    assert spilled(scratch) == 1
    assert numbers(side_records) == [*range(3), *range(200), *range(4)]
