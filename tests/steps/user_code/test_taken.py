"""Values are taken when they are yielded: an object that is changed between two yields gives what it was at each."""

import copy
import datetime
import decimal
import json
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanfold_steps.job.formats import JSONL
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.memory.taken import all_taken, taken
from tests.steps import changing
from tests.steps.conftest import SmallJob, run

KINDS = ["list", "dict", "inner", "set", "bytes", "object", "clear"]
CHANGES = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3)), min_size=1, max_size=6)


def code(name):
    return Function(f"tests.steps.changing:{name}")


def snapshots(line):
    """What is yielded for a line, each as it is at that moment: deep copies, made by Python's own means."""
    return [copy.deepcopy(value) for value in changing.changed(line)]


def outputs(lines, *stages, **how):
    """The parts of a job over these lines, for small and large splits, which must be the same."""
    found = []
    for split_size in (1024, 1 << 20):
        with tempfile.TemporaryDirectory() as folder:
            job = SmallJob(Path(folder))
            job.write_input({"a.txt": "\n".join(lines).encode()})
            parts = run(job, *stages, partitions=1, split_size=split_size, **how)
            found.append(b"".join(parts.values()).decode().splitlines())
            if how.get("outputs"):
                found[-1] = b"".join(job.named("seen").values()).decode().splitlines()
    assert found[0] == found[1]
    return found[0]


def in_json(value):
    return json.loads(json.dumps(value if isinstance(value, (list, dict, tuple)) else changing.shown(value)))


@pytest.mark.thorough
@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(st.lists(CHANGES, min_size=1, max_size=3))
def test_every_way_takes_what_is_yielded_at_that_moment(drawn):
    lines = [json.dumps(changes) for changes in drawn]
    lines += lines * 12  # for several splits
    values = [value for line in lines for value in snapshots(line)]
    texts = [changing.shown(value) for value in values]
    assert outputs(lines, StageSpec(code("pairs"), code("show_all"))) == texts
    assert outputs(lines, StageSpec(code("AtTheEnd"), code("show_all"))) == texts
    written = outputs(lines, StageSpec(code("records")), output=JSONL())
    plain = [[value] if isinstance(value, (list, dict, tuple)) else changing.shown(value) for value in values]
    assert [json.loads(line) for line in written] == json.loads(json.dumps(plain))
    named = outputs(lines, StageSpec(code("named")), output=JSONL(), outputs={"seen": JSONL()})
    assert [json.loads(line) for line in named] == [in_json(value) for value in values]


LINES = [json.dumps([["list", n % 4], ["dict", 1], ["inner", n % 3], ["object", 2]]) for n in range(60)]
VALUES = [value for line in LINES for value in snapshots(line)]
TEXTS = [changing.shown(value) for value in VALUES]


def test_values_under_keys_of_any_type():
    expected = [f"{key} {text}" for key in (0, 1) for text in TEXTS[key::2]]
    assert outputs(LINES, StageSpec(code("pairs_of_any_key"), code("show_by_key"))) == expected


@pytest.mark.parametrize(("name", "expected"), [("First", VALUES[0]), ("Last", VALUES[-1])])
def test_aggregations_that_keep_a_value(name, expected):
    assert outputs(LINES, StageSpec(code("pairs"), Aggregate(name))) == [f"all\t{expected}"]


def test_the_records_of_a_reducer_and_what_a_later_stage_is_given():
    one = outputs(LINES[:2], StageSpec(code("pairs"), code("reduced")), output=JSONL())
    two = outputs(LINES[:2], StageSpec(code("pairs"), code("reduced")), StageSpec(code("passed_on")), output=JSONL())
    expected = [{str(n): TEXTS[n] for n in range(upto + 1)} for upto in range(len(TEXTS[: 2 * 24]))]
    assert [json.loads(line) for line in one] == [json.loads(line) for line in two] == expected


def test_what_a_combiner_yields():
    """In one split, as a combiner sees the values of one."""
    with tempfile.TemporaryDirectory() as folder:
        job = SmallJob(Path(folder))
        job.write_input({"a.txt": LINES[0].encode()})
        stage = StageSpec(code("pairs"), code("show_all"), combine=code("combined"))
        lines = b"".join(run(job, stage, partitions=1).values()).decode().splitlines()
    assert lines == [repr(list(range(upto + 1))) for upto in range(len(snapshots(LINES[0])))]


def test_a_task_that_looks_at_each_record_takes_values_too():
    lines = [*LINES[:20], "bad", *LINES[20:]]
    assert outputs(lines, StageSpec(code("pairs"), code("show_all")), on_error=Skip(at_most=0.5)) == TEXTS


@pytest.mark.parametrize(
    "value",
    ["text", 1, 1.5, b"b", None, True, ("a", 1), datetime.date(2026, 1, 1), decimal.Decimal(1), uuid.UUID(int=1)],
)
def test_what_cannot_change_is_not_copied(value):
    assert taken(value) is value


def test_a_list_that_holds_itself_is_copied():
    value: list[Any] = [1]
    value.append(value)
    copied = taken(value)
    assert copied is not value
    assert copied[1] is copied


def test_what_cannot_be_copied_stays_as_it_is():
    value = (number for number in range(3))
    assert taken(value) is value


def test_taken_one_after_the_other_they_are_what_each_was():
    held: dict[str, Any] = {"n": 1}
    inner: list[int] = []

    def changing_one() -> Any:
        for value in (held, ("a", inner), "text", [held], held, {"in": inner}):
            yield value
            held["n"] += 1
            inner.append(held["n"])

    values = list(all_taken(changing_one()))
    assert values == [{"n": 1}, ("a", [2]), "text", [{"n": 4}], {"n": 5}, {"in": [2, 3, 4, 5, 6]}]
    held.clear()
    inner.clear()
    assert values == [{"n": 1}, ("a", [2]), "text", [{"n": 4}], {"n": 5}, {"in": [2, 3, 4, 5, 6]}]
