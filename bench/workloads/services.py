"""What a request costs: beside empty routes, beside bare transactions, with many jobs, after many logins."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, cast

from bench.harness.load import CONNECTIONS, Request, ask, in_threads, milliseconds, offer, repeat
from bench.harness.ways import scratch
from bench.services.running import Up, empty_routes, services
from fanfold_storage.records import Expect, Records, Write
from fanfold_storage.urls import open_records
from fanfold_submit.job_ids import new_job_id
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.job_records import JOBS, JobRecords

FEW, MANY = 500, 5_000  # jobs, and logins
ROUNDS = 5
SECONDS = 2.0  # of a round of reads
SUBMITTED = 250  # jobs of a round
PER_SECOND, OFFERED = 100, 2_000
LISTED, LISTS = 100, 200
TEXT = "files:texts/a.txt"
JOB = {"job": {"builtin": "wordcount"}, "inputs": [TEXT]}
Figures = dict[str, Any]
Timed = tuple[int, float]
"""How many, in how many seconds."""


def measure(scale: float) -> Figures:
    """All of them, one after the other in the same service."""
    few, many, offered, submitted = (max(8, round(count * scale)) for count in (FEW, MANY, OFFERED, SUBMITTED))
    with scratch() as folder, services(folder) as up, empty_routes() as empty:
        up.upload("texts/a.txt", b"to be or not to be\n" * 50)
        memory = {"jobs": {str(few): _after_jobs(up, few)}}
        found: Figures = {"status": _status(up, empty, SECONDS * min(1, scale))}
        up.hold()
        found["submissions"] = _submissions(up, submitted)
        found["offered"] = {"per_second": PER_SECOND, "count": offered} | _milliseconds(
            offer(up.port, up.request("POST", "/v1/jobs", JOB, 202), per_second=PER_SECOND, count=offered)
        )
        up.let_go()
        rest = many - few - ROUNDS * submitted - offered
        memory["jobs"][str(many)] = _after_jobs(up, max(1, rest))
        found["list"] = {"jobs": many, "items": LISTED} | _list(up)
        memory["logins"] = _logins(up, few, many)
    return found | {"memory": memory}


def _after_jobs(up: Up, more: int) -> float:
    """Memory in MB once so many more jobs have ended."""
    repeat(up.port, up.request("POST", "/v1/jobs", JOB, 202), count=more)
    up.let_go()
    _tell(f"{more} more jobs: {up.megabytes} MB")
    return up.megabytes


def _status(up: Up, empty: int, seconds: float) -> Figures:
    """A job's status, in answers a second, beside routes that answer as many bytes."""
    job = up.ask("GET", "/v1/jobs?limit=1")["items"][0]
    path = f"/v1/jobs/{job['id']}"
    status = up.request("GET", path)
    empty_ones = {name: Request("GET", f"/{name}") for name in ("sync", "async")}
    ask(empty, Request("POST", "/answer", {"Content-Type": "application/json"}, json.dumps(job).encode()))
    return in_turn(
        {name: lambda one=one: len(repeat(empty, one, seconds=seconds)) for name, one in empty_ones.items()}
        | {"status": lambda: len(repeat(up.port, status, seconds=seconds))}
    )


def _submissions(up: Up, count: int) -> Figures:
    """Jobs a second over HTTP, and the transactions that store them, called directly on the same file."""
    submit = up.request("POST", "/v1/jobs", JOB, 202)
    newest = up.ask("GET", "/v1/jobs?limit=1")["items"][0]["id"]
    with closing(open_records(up.records)) as records:
        record = records.get(JOBS + newest)
        assert record
        job = Job.model_validate(record.value)

        def transact() -> int:
            transactions = iter([_transaction(job) for _ in range(count)])
            in_threads(CONNECTIONS, lambda: _transact_all(records, transactions))
            return count

        return in_turn({"raw": transact, "submitted": lambda: len(repeat(up.port, submit, count=count))})


class _Captured:
    """Records that keep what a transaction would write."""

    def transact(self, expectations: Sequence[Expect], writes: Sequence[Write]) -> int:
        """Keep it, under other keys, where no service looks."""
        self.expectations = [Expect(f"bench/{expect.key}", expect.revision) for expect in expectations]
        self.writes = [Write(f"bench/{write.key}", write.value, write.expires_in) for write in writes]
        return 1


def _transaction(job: Job) -> _Captured:
    """What admitting a job like this one would write."""
    captured, new = _Captured(), new_job_id(time.time)
    conf = json.loads(json.dumps(job.conf).replace(job.id, new))
    JobRecords(cast(Records, captured)).admit(job.model_copy(update={"id": new, "conf": conf}), None)
    return captured


def _transact_all(records: Records, transactions: Iterator[_Captured]) -> None:
    for transaction in transactions:
        records.transact(transaction.expectations, transaction.writes)


def _list(up: Up) -> Figures:
    """Milliseconds of a page of jobs."""
    page = up.request("GET", f"/v1/jobs?limit={LISTED}")
    return _milliseconds(repeat(up.port, page, count=LISTS, connections=1))


def _logins(up: Up, few: int, many: int) -> Figures:
    held = {}
    for count, more in ((few, few), (many, many - few)):
        repeat(up.auth_port, up.login(), count=more)
        held[str(count)] = up.megabytes
        _tell(f"{count} logins: {up.megabytes} MB")
    return held


def in_turn(ways: Mapping[str, Callable[[], int | Timed]]) -> Figures:
    """Do each in turn; how many a second, round by round, and the median. What prepares something times the rest."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            count = way()
            took = time.perf_counter() - began
            count, took = count if isinstance(count, tuple) else (count, took)
            rates[name].append(round(count / took, 1))
            _tell(f"{name}: {rates[name][-1]}/s")
    return {name: {"median": statistics.median(found), "runs": found} for name, found in rates.items()}


def _milliseconds(took: Sequence[float]) -> Figures:
    figures = milliseconds(took)
    _tell(f"p50 {figures['p50']} ms, p99 {figures['p99']} ms")
    return figures


def _tell(words: str) -> None:
    print(f"  {words}", file=sys.stderr)
