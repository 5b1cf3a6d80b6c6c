"""A record may give more pairs than fit into memory: what is held is looked at, and written, in between."""

import operator
import threading
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.aggregations import Collect, CountDistinct, Mean, Sum
from fanfold_steps.inputs.cursor import Cursor
from fanfold_steps.memory import watch
from fanfold_steps.memory.budget import MIB, Budget
from fanfold_steps.programs import collector as line_collector
from fanfold_steps.records.buffer import MapOutputBuffer
from fanfold_steps.records.collectors import (
    OPENING_RECORDS,
    AggregationStates,
    FastPathMissed,
    IntegerSums,
    TextValueLists,
    ValueLists,
)
from fanfold_steps.records.mappers import BegunMapper, MapperBlame
from fanfold_steps.sorting import keys
from fanfold_steps.user_code.calling import BegunFunction

COLLECTORS: dict[str, Any] = {
    "IntegerSums": IntegerSums,
    "Sum": lambda: AggregationStates(Sum()),
    "Mean": lambda: AggregationStates(Mean()),
    "Collect": lambda: AggregationStates(Collect()),
    "CountDistinct": lambda: AggregationStates(CountDistinct()),
    "TextValueLists": TextValueLists,
    "ValueLists": ValueLists,
}
MERGES: dict[str, Any] = {"Mean": Mean().merge, "CountDistinct": CountDistinct().merge}
OPENED = ["a record"] * OPENING_RECORDS
"""Records after which a collector that looks at nothing no longer looks."""


class OneBatch:
    """A batch of records of no file."""

    bad = ()

    def __init__(self, records: list[Any]) -> None:
        self._records = records

    def records(self) -> list[Any]:
        return self._records


class NoQuarantine:
    quarantine = None
    cursor = Cursor()


def spilled(collector: Any, records: list[Any], mapper: Any, budget: Budget) -> list[tuple[int, list[Any]]]:
    """What was held at each spill and in the end: its size, and the items."""
    found: list[tuple[int, list[Any]]] = []

    def spill(full: Any) -> None:
        found.append((full.measure(), list(full.items())))

    buffer = MapOutputBuffer(collector, spill, budget)
    batch: Any = OneBatch(records)
    attempt: Any = NoQuarantine()
    blame = MapperBlame(Path(), attempt.cursor, mapper, None, keyed=False)
    assert buffer.take_in(BegunMapper(mapper, tuple, blame), batch, attempt) == len(records)
    spill(collector)
    return found


def merged(name: str, found: list[tuple[int, list[Any]]]) -> dict[Any, Any]:
    """All that was spilled, by key."""
    states: dict[Any, Any] = {}
    merge = MERGES.get(name, operator.add)
    for _, items in found:
        for key, state in items:
            key = keys.decode(key)
            states[key] = merge(states[key], state) if key in states else state
    return states


LISTS = ("Collect", "TextValueLists", "ValueLists")
STATES = sorted(COLLECTORS.keys() - set(LISTS))  # which take no more room when another value of a key comes
SPILLED = [("IntegerSums", 60_000, OPENED), ("ValueLists", 15_000, OPENED)]
ALSO_SPILLED = [
    (name, distinct, opened)
    for names, counts in ((LISTS, (15_000, 7)), (STATES, (60_000,)))
    for name, distinct, opened in product(names, counts, (OPENED, []))
    if (name, distinct, opened) not in SPILLED
]


@pytest.mark.parametrize(
    ("name", "distinct", "opened"),
    [*SPILLED, *(pytest.param(*case, marks=pytest.mark.thorough) for case in ALSO_SPILLED)],
)
def test_what_one_record_gives_is_spilled_in_between(monkeypatch, name, distinct, opened):
    monkeypatch.setattr("fanfold_steps.memory.budget.resident", lambda: 0)  # that of the tests is none of this one's
    collector, budget = COLLECTORS[name](), Budget(MIB)

    def mapper(record):
        for number in range(0 if record == "a record" else 60_000):
            if number % 100 == 0:
                collector.interrupt()
            yield f"key {number % distinct}", number

    found = spilled(collector, [*opened, "one that gives many"], mapper, budget)
    assert len(found) > 2
    assert all(budget.held < size < budget.held * 5 // 4 for size, _ in found[:-1])
    expected = defaultdict(list)
    for number in range(60_000):
        expected[f"key {number % distinct}"].append(number)
    states = merged(name, found)
    assert states.keys() == expected.keys()
    if name in ("Collect", "TextValueLists", "ValueLists"):
        assert states == expected
    elif "Sum" in name:
        assert states == {key: sum(values) for key, values in expected.items()}


PAIRS = st.lists(st.tuples(st.sampled_from("abc") | st.integers(0, 3), st.integers(0, 9), st.booleans()), max_size=30)


@pytest.mark.parametrize("name", COLLECTORS)
@given(records=st.lists(PAIRS, max_size=4), are_texts=st.booleans(), is_opened=st.booleans())
def test_interruptions_lose_nothing(name, records, are_texts, is_opened):
    """Wherever they come, the same states come out as without any; or a fast path is missed, as it is without any."""

    def states(*, are_interrupted):
        collector = COLLECTORS[name]()

        def mapper(record):
            for key, value, is_interruption in record:
                if is_interruption and are_interrupted:
                    collector.interrupt()
                yield str(key) if are_texts else key, value

        try:
            opened = [[("a", 1, False)]] * OPENING_RECORDS if is_opened else []
            return merged(name, spilled(collector, opened + records, mapper, Budget(0 if are_interrupted else MIB)))
        except FastPathMissed:
            return None

    assert states(are_interrupted=True) == states(are_interrupted=False)


@pytest.mark.parametrize("groups", [TextValueLists, ValueLists])
def test_values_are_taken_before_what_is_held_is_written(groups):
    """Writing may call the user's combiner, which may hold the same object."""
    collector, values = groups(), list[str]()

    def mapper(record):
        collector.interrupt()
        yield "k", values

    for _ in collector.fold(mapper, iter([1, 2])):
        values.append("later")
    assert [list(items) for _, items in collector.items()] == [[[], ["later"]]]


def test_a_combiner_begins_anew_when_what_is_held_was_written():
    begun: list[BegunFunction] = []

    def begin():
        begun.append(BegunFunction(lambda key, values: [(key, len(begun))], tuple))
        return begun[-1]

    collector = ValueLists(begin)
    for expected in (1, 2):
        assert list(collector.fold(lambda record: [("k", "value")], iter([1]))) == []
        assert [values for _, values in collector.items()] == [[expected]]
        collector.clear()


def test_lines_of_one_record_are_taken_in_by_pieces(monkeypatch):
    monkeypatch.setattr(line_collector, "MOST_LINES", 100)
    collector = line_collector.LineCollector()
    pairs = [(f"{number}", "x" * (number == 250) * line_collector.PIECE_BYTES) for number in range(500)]
    blocks: list[bytes] = []
    monkeypatch.setattr(collector, "take", blocks.append)
    assert len(list(collector.fold(lambda record: pairs, iter([1])))) == 5
    assert [block.count(b"\n") for block in blocks] == [100, 100, 51, 100, 100, 49]
    assert b"".join(blocks).decode() == "".join(f"{key}\t{value}\n" for key, value in pairs)


@pytest.mark.parametrize("pair", [("a\nb", 1), ("a", "b\n"), ("a", "\n")])
def test_a_pair_that_would_be_two_lines_is_refused(pair):
    with pytest.raises(line_collector.NotALine, match="contains a line break"):
        list(line_collector.LineCollector().fold(lambda record: [("x", 1), pair], iter([1])))


@pytest.mark.parametrize(
    ("taken", "alarms", "unseen"),
    [
        ([100, 100, 500, 500, 500], [], 0),
        ([100, 501, 501, 601, 602, 602], [501, 602], 0),
        ([100, 501, 700, 300, 500, 502, 500, 602, 603, 500], [501, 700, 502, 602], 0),
        ([100, 900, 990, 450, 550, 551, 500], [900, 551], 0),
        ([100, 700, 700, 700, 700, 700, 700, 701, 500, 500, 500], [700, 701], 20),
    ],
)
def test_the_alarm_is_raised_when_memory_grows_and_falls_silent_when_it_is_given_back(
    monkeypatch, taken, alarms, unseen
):
    found: list[int] = []
    raised: list[int] = []
    is_over = threading.Event()

    def resident():
        if len(found) == len(taken) - 1:
            is_over.set()
        found.append(taken[min(len(found), len(taken) - 1)])
        return found[-1]

    monkeypatch.setattr(watch, "SECONDS", 0)
    monkeypatch.setattr(watch, "UNSEEN", unseen)
    monkeypatch.setattr(watch, "resident", resident)
    with watch.watched(Budget(1600), lambda: raised.append(found[-1])):
        assert is_over.wait(60)
    assert raised == alarms


@pytest.mark.parametrize("name", COLLECTORS)
def test_one_interruption_is_one_look(name):
    collector = COLLECTORS[name]()

    def mapper(record):
        for number in range(0 if record == "a record" else 100):
            if number == 10:
                collector.interrupt()
            yield f"key {number}", number

    assert len(list(collector.fold(mapper, iter([*OPENED, "another"])))) == 1
