"""What takes steps for records: at changes, when they are due, and again after errors; one never stops the others."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold_storage.errors import Unavailable
from fanfold_storage.records import Records, Write
from fanfold_storage.urls import open_records
from fanfold_submit.controllers.record_controller import RecordController
from fanfold_submit.refusals import AuthAway
from tests.waiting import poll


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = open_records(f"sqlite://{tmp_path}/records.db")
    yield records
    records.close()


class Steps:
    """Counts the steps for each key, and does in each what its key says."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, key: str) -> float | None:
        with self._lock:
            self.taken[key] += 1
            count = self.taken[key]
        if key == "away" and count < 3:
            raise Unavailable("the store is away")
        if key == "later" and count < 3:
            raise AuthAway
        if key == "bug" and count < 3:
            raise ZeroDivisionError
        return 0.01 if key == "again" and count < 5 else None


@pytest.mark.thorough
def test_steps_are_taken_until_there_is_nothing_left_to_do(records: Records) -> None:
    expected = {"once": 1, "again": 5, "away": 3, "later": 3, "bug": 3}
    records.transact([], [Write(f"submit/x/{key}", {}) for key in expected])
    steps = Steps()
    controller = RecordController(records, "submit/x/", steps)
    controller.start()
    assert controller.alive
    poll(lambda: steps.taken == expected)
    records.transact([], [Write("submit/x/once", {"changed": True}), Write("submit/x/new", {})])
    poll(lambda: steps.taken["once"] == 2 and steps.taken["new"] == 1)
    controller.stop()
    assert not controller.alive


def test_a_watch_that_breaks_is_opened_again(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, broken = type(records).watch, list[str]()

    def breaking(self: Records, prefix: str, from_revision: int) -> object:
        if not broken:
            broken.append(prefix)
            raise Unavailable("the store is away")
        return watch(self, prefix, from_revision)

    monkeypatch.setattr(type(records), "watch", breaking)
    steps = Steps()
    controller = RecordController(records, "submit/x/", steps)
    controller.start()
    poll(lambda: broken)
    records.transact([], [Write("submit/x/a", {})])
    poll(lambda: steps.taken["a"] >= 1)
    controller.stop()
