"""What a page of jobs costs among 100,000, over HTTP, in SQLite and in etcd; and what the services hold then."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import chain
from typing import Any, cast

from bench.harness.load import milliseconds, repeat
from bench.harness.ways import scratch
from bench.services.running import Up, services
from fanfold_storage.records import Expect, Records, Write
from fanfold_storage.urls import open_records
from fanfold_submit.job_ids import new_job_id
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JOBS, OUTPUTS, JobRecords
from fanfold_submit.queueing.entries import QUEUE, SLOTS
from fanfold_web.clock import timestamp
from tests.servers import etcd

STORED, FEW = 100_000, 1_000
LISTED, LISTS = 20, 100
NAMES, RUNNING, FAILED = 1000, 10_000, 100  # so many names; one of so many jobs is running, one has failed
LONGEST = 600_000  # milliseconds that a job took
_THREADS = 4
_OPERATIONS = 90  # of a transaction
Figures = dict[str, Any]


def questions(began: float, jobs: int) -> Mapping[str, str]:
    """What is asked of so many jobs, of which one was created each second, and how."""
    middle = began + jobs / 2
    return {
        "the newest": "",
        "the newest of all users": "&all=true",
        "of a user, by name": "&owner=admin",
        "running": "&state=running",
        "failed or running": "&state=failed&state=running",
        "with a name": "&name=nightly%201",
        "failed, with a name": "&state=failed&name=nightly%201",
        "with a word": "&text=nightly",
        "created since a time": f"&since={timestamp(middle)}",
        "created until a time": f"&until={timestamp(middle)}",
        "after a page in the middle": f"&cursor={new_job_id(lambda: middle)}",
        "the oldest": "&sort=oldest",
        "that ran longest": "&sort=duration",
    }


def measure(scale: float) -> Figures:
    """Milliseconds of pages among few and many jobs, and what the services hold then, by store."""
    counts = [max(LISTED, round(count * scale)) for count in (FEW, STORED)]
    found: Figures = {"items": LISTED, "jobs": counts, "stores": {}}
    for store in ("SQLite", "etcd"):
        _tell(f"{store}:")
        with ExitStack() as stack:
            url = stack.enter_context(etcd()).url if store == "etcd" else None
            up = stack.enter_context(services(stack.enter_context(scratch()), url))
            found["stores"][store] = _in_store(up, counts)
    return found


def _in_store(up: Up, counts: Sequence[int]) -> Figures:
    """Pages and memory, by the number of jobs."""
    pages: Figures = {}
    held: Figures = {}
    with closing(open_records(up.records)) as records:
        job, stored = _example(up), 0
        began = time.time() - counts[-1]
        for count in counts:
            _store(records, job, began, range(stored, count))
            stored = count
            asked = questions(began, count)
            pages[str(count)] = {what: _page(up, what, query) for what, query in asked.items()}
            held[str(count)] = up.megabytes
    return {"pages": pages, "memory": held}


def _example(up: Up) -> Job:
    """A job that has ended, as the service stores it."""
    up.upload("texts/a.txt", b"to be or not to be\n" * 50)
    job_id = up.ask("POST", "/v1/jobs", {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/a.txt"]}, 202)["id"]
    up.let_go()
    with closing(open_records(up.records)) as records:
        record = records.get(JOBS + job_id)
        assert record
        return Job.model_validate(record.value)


class _Captured:
    """Records that keep what transactions would write."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def transact(self, _: Sequence[Expect], writes: Sequence[Write]) -> int:
        """Keep them, but for places in the queue and what goes with them: nobody is to reconcile these jobs."""
        self.writes += [write for write in writes if not write.key.startswith((QUEUE, SLOTS, OUTPUTS))]
        return 1


def _store(records: Records, like: Job, began: float, numbers: range) -> None:
    """Store jobs like one, a second apart, in transactions as large as may be."""

    def transact(writes: Sequence[Write]) -> None:
        records.transact([], writes)

    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(transact, _in_transactions(like, began, numbers)):
            pass
    _tell(f"{numbers.stop} jobs stored")


def _in_transactions(like: Job, began: float, numbers: range) -> Iterator[list[Write]]:
    waiting: dict[str, Write] = {}  # every job says once more who had its owner's name
    for write in chain.from_iterable(_writes(like, began + number, number) for number in numbers):
        waiting[write.key] = write
        if len(waiting) == _OPERATIONS:
            yield [*waiting.values()]
            waiting = {}
    yield [*waiting.values()]


def _writes(like: Job, moment: float, number: int) -> list[Write]:
    """What stores a job, which was created at a moment, in the state that its number says."""
    captured, job_id = _Captured(), new_job_id(lambda: moment)
    state = State.RUNNING if number % RUNNING == 0 else State.FAILED if number % FAILED == 1 else State.SUCCEEDED
    conf = json.loads(json.dumps(like.conf).replace(like.id, job_id))
    ended = timestamp(moment + number * 7919 % LONGEST / 1000) if state.final else None
    times = {"created": timestamp(moment), "started": timestamp(moment), "finished": ended}
    fields = {"id": job_id, "name": f"nightly {number % NAMES}", "state": state, "conf": conf}
    JobRecords(cast(Records, captured)).admit(like.model_copy(update=fields | times), None)
    return captured.writes


def _page(up: Up, what: str, query: str) -> Figures:
    """A page, with the number of jobs that follow it: the first time that it is asked for, and again and again."""
    page = up.request("GET", f"/v1/jobs?limit={LISTED}&count=true{query}")
    (first,) = repeat(up.port, page, count=1, connections=1)
    figures = milliseconds(repeat(up.port, page, count=LISTS, connections=1))
    _tell(f"{what}: first {first * 1000:.1f} ms, p50 {figures['p50']} ms, p99 {figures['p99']} ms")
    return {"first": round(first * 1000, 1)} | figures


def _tell(words: str) -> None:
    print(f"  {words}", file=sys.stderr)
