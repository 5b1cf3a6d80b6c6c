"""What a page of jobs costs among 100,000: over HTTP and SQLite, and read directly from etcd."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any, cast

from bench.harness.load import ask, percentile, repeat
from bench.harness.ways import scratch
from bench.services.running import Up, services
from fanfold_storage.records import Expect, Records, Write
from fanfold_storage.urls import open_records
from fanfold_submit.job_ids import new_job_id
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JOBS, OUTPUTS, JobRecords
from fanfold_submit.lists.migration import Migration
from fanfold_submit.lists.pages import JobLists
from fanfold_submit.lists.question import Question, Sort
from fanfold_submit.queueing.entries import QUEUE, SLOTS
from tests.servers import etcd

STORED, FEW = 100_000, 1_000
LISTED, LISTS = 20, 100
NAMES, RUNNING, FAILED = 1000, 10_000, 100  # so many names; one of so many jobs is running, one has failed
_THREADS = 4
_OPERATIONS = 90  # of a transaction
Figures = dict[str, Any]

QUESTIONS: Mapping[str, tuple[str, Question]] = {
    "the newest": ("", Question()),
    "the newest of all users": ("&all=true", Question()),
    "running": ("&state=running", Question(states=(State.RUNNING,))),
    "with a name": ("&name=nightly%201", Question(name="nightly 1")),
    "with a word": ("&text=nightly", Question(words=("nightly",))),
    "the oldest": ("&sort=oldest", Question(sort=Sort.OLDEST)),
    "that ran longest": ("&sort=duration", Question(sort=Sort.DURATION)),
}
"""What is asked over HTTP, and the same without the owner."""


def measure(scale: float) -> Figures:
    """Milliseconds of pages among few and many jobs, and what the services hold then."""
    counts = [max(LISTED, round(count * scale)) for count in (FEW, STORED)]
    with scratch() as folder, services(folder) as up:
        over_http: Figures = {}
        held: Figures = {}
        with closing(open_records(up.records)) as records:
            job, stored = _example(up), 0
            for count in counts:
                _store(records, job, range(stored, count))
                stored = count
                over_http[str(count)] = {what: _over_http(up, query) for what, (query, _) in QUESTIONS.items()}
                held[str(count)] = up.megabytes
    with etcd() as cluster, closing(open_records(cluster.url)) as records:
        _store(records, job, range(counts[-1]))
        Migration(records, JobRecords(records)).run(lambda: False)
        lists = JobLists(records)
        in_etcd = {}
        for what, (query, asked) in QUESTIONS.items():
            owners = None if "all=" in query else (job.owner_id,)
            in_etcd[what] = _directly(lists, replace(asked, owner_ids=owners))
    return {
        "http": over_http,
        "etcd": {str(counts[-1]): in_etcd},
        "memory": {"jobs": held},
        "items": LISTED,
        "jobs": counts,
    }


def _example(up: Up) -> Job:
    """A job that has ended, as the service stores it."""
    put = up.request("PUT", "/v1/files/texts/a.txt", status=201)
    ask(up.port, type(put)(put.method, put.path, put.headers, b"to be or not to be\n" * 50, put.status))
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


def _store(records: Records, like: Job, numbers: range) -> None:
    """Store jobs like one, a second apart, in transactions as large as may be."""

    def transact(writes: Sequence[Write]) -> None:
        records.transact([], writes)

    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(transact, _in_transactions(like, numbers)):
            pass
    _tell(f"{numbers.stop} jobs stored")


def _in_transactions(like: Job, numbers: range) -> Iterator[list[Write]]:
    waiting: dict[str, Write] = {}  # every job says once more who had its owner's name
    for write in chain.from_iterable(_writes(like, number) for number in numbers):
        waiting[write.key] = write
        if len(waiting) == _OPERATIONS:
            yield [*waiting.values()]
            waiting = {}
    yield [*waiting.values()]


def _writes(like: Job, number: int) -> list[Write]:
    """What stores a job, in the state that its number says."""
    captured, job_id = _Captured(), new_job_id(lambda: 1_700_000_000 + number)
    state = State.RUNNING if number % RUNNING == 0 else State.FAILED if number % FAILED == 1 else State.SUCCEEDED
    conf = json.loads(json.dumps(like.conf).replace(like.id, job_id))
    fields = {"id": job_id, "name": f"nightly {number % NAMES}", "state": state, "conf": conf}
    job = like.model_copy(update=fields | ({} if state.final else {"finished": None}))
    JobRecords(cast(Records, captured)).admit(job, None)
    return captured.writes


def _over_http(up: Up, query: str) -> Figures:
    page = up.request("GET", f"/v1/jobs?limit={LISTED}{query}")
    return _milliseconds(repeat(up.port, page, count=LISTS, connections=1))


def _directly(lists: JobLists, asked: Question) -> Figures:
    took = []
    for _ in range(LISTS):
        began = time.perf_counter()
        lists.page(asked, LISTED)
        took.append(time.perf_counter() - began)
    return _milliseconds(took)


def _milliseconds(took: Sequence[float]) -> Figures:
    figures = {f"p{percent}": round(percentile(took, percent) * 1000, 1) for percent in (50, 99)}
    _tell(f"p50 {figures['p50']} ms, p99 {figures['p99']} ms")
    return figures


def _tell(words: str) -> None:
    print(f"  {words}", file=sys.stderr)
