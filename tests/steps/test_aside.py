"""What is set aside for named outputs goes to disk when it is much, also where bad records are skipped."""

from pathlib import Path
from typing import cast

import pytest

from fanfold import To
from fanfold_steps.aside import Aside
from fanfold_steps.budget import Budget
from fanfold_steps.careful import careful
from fanfold_steps.code import Code
from fanfold_steps.counters import Tally
from fanfold_steps.cursor import Cursor
from fanfold_steps.mappers import Mapper
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.scratch import Scratch

ROOM = 100_000  # bytes, about, before it goes to disk
LONG = "x" * 1000


class RootOnly:
    root = Path("nowhere")


@pytest.fixture
def scratch():
    with Scratch() as scratch:
        yield scratch


@pytest.fixture
def aside(scratch):
    return Aside(["rejects"], scratch, Budget(ROOM * 8 * 4 // 3))


def given(item):
    """As many records for an output as the item says; below nothing, they come to nothing."""
    for number in range(abs(item)):
        yield To("rejects", f"{LONG}{number}")
    if item < 0:
        raise ValueError(item)


@pytest.fixture
def mapper(aside):
    mapper = Mapper(lambda item: aside.without(given(item)), False, cast(Code, RootOnly()), aside=aside)
    return careful(mapper, Cursor(), Tally(), Quarantine())


def spilled(scratch):
    return len(list(scratch.objects.list()))


def numbers(aside):
    return [int(record.removeprefix(LONG)) for record in aside.of("rejects")]


def test_what_good_records_gave_is_spilled_and_so_is_what_a_finish_gives(aside, mapper, scratch):
    for _ in range(5):
        assert mapper.call(50) == []
    assert spilled(scratch) == 2
    assert list(aside.without(given(500))) == []
    assert spilled(scratch) >= 6
    assert numbers(aside) == [*range(50)] * 5 + [*range(500)]


def test_what_bad_records_gave_takes_no_room(aside, mapper, scratch):
    for _ in range(100):
        assert mapper.call(-50) == ()
        assert mapper.call(0) == []
    assert mapper.call(10) == []
    assert spilled(scratch) == 0
    assert numbers(aside) == [*range(10)]


def test_a_bad_record_takes_back_its_own_alone(aside, mapper, scratch):
    """Also where it gave more than there is room for."""
    for item in (3, -2, 200, -300, 4):
        mapper.call(item)
    assert spilled(scratch) == 1
    assert numbers(aside) == [*range(3), *range(200), *range(4)]
