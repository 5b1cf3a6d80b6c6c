"""What waits costs nothing: neither a decision nor a comparison reads more because more jobs wait."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.records import Records
from fanfold_submit.queueing.entries import Entry
from fanfold_submit.queueing.ledger import AT_ONCE
from fanfold_submit.queueing.limits import Limit, Limits
from fanfold_submit.reconciling.job_controller import JobController
from tests.submit_api.reconciling import Bench


class Counting:
    """Records that count who reads what."""

    is_local = True

    def __init__(self, records: Records) -> None:
        self._records = records
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._records, name)


def bench_with(folder: Path, waiting: int) -> tuple[Bench, Counting]:
    """A job that runs, and so many that wait for it to end."""
    bench = Bench(folder, limits=Limits(jobs=Limit(1)))
    bench.reconcile(bench.admit())
    for _ in range(waiting):
        bench.admit()
    counting = Counting(bench.records)
    bench.ledger._records = bench.jobs._records = counting
    return bench, counting


@pytest.mark.thorough
def test_comparing_all_jobs_reads_no_more_for_those_that_wait(tmp_path: Path) -> None:
    read = []
    for waiting in (3, 150):
        bench, counting = bench_with(tmp_path / str(waiting), waiting)
        controller = JobController(bench.reconciler, bench.jobs, bench.engine, 30.0, queueing=bench.queueing)
        controller._compare()
        assert len(controller._queue._due) == 1, "only the one that runs is reconciled"
        read.append(dict(counting.calls))
        bench.records.close()
    assert read[0] == read[1]


def test_a_decision_among_many_looks_at_the_first_of_each_owner(tmp_path: Path) -> None:
    bench, counting = bench_with(tmp_path, 0)
    entries = [Entry(f"{number:020d}", f"user{number % 5}", 1) for number in range(20_000)]
    bench.queueing.waiting.reset(entries, bench.queueing.waiting.totals)
    assert {len(queue) for queue in bench.queueing.waiting.heads(AT_ONCE).values()} == {AT_ONCE}
    assert bench.ledger.grant() == []
    assert counting.calls == {"get": 1}, "the sums"
    found = bench.queueing.waiting.find(entries[-1].job)
    assert found and found[1] == 3999
    wait = bench.queueing.view.of(entries[-1].job)
    assert wait and wait.place == 20_000
    assert counting.calls == {"get": 1}, "telling its place reads nothing"
    bench.records.close()
