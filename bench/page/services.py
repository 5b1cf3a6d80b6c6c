"""The figures of the services: answers a second, how long requests take, and memory."""

from collections.abc import Iterator

from bench.page.words import Results, runs, where

WAYS = {
    "sync": "an empty route, `def`",
    "async": "an empty route, `async def`",
    "status": "a job's status, `GET /v1/jobs/{id}`",
    "raw": "the transactions of as many jobs, called directly on the same records",
    "submitted": "jobs submitted, `POST /v1/jobs`",
}


PROOFS = {
    "new": "checks of tokens that were never seen, one thread, no request",
    "known": "checks of a token that was seen before",
    "argon2": "passwords hashed, called directly, a thread for each core",
    "login": "logins, `POST /v1/login`",
    "raw": "compare-and-set transactions on records as large, called directly on the same records",
    "refresh": "refreshes, `POST /v1/token`",
    "code": "exchanges of codes, `POST /token`",
}


def logins(results: Results) -> Iterator[str]:
    """What proving who one is costs."""
    found = results.get("logins")
    if not found:
        return
    yield "## Logins and tokens\n"
    yield "The services run as above, and all is sent over as many connections. Over each, one login is refreshed again"
    yield "and again: a refresh follows from the answer to the one before. Codes are stored beforehand, as the login"
    yield "page stores them. The bare transactions are called by as many threads.\n"
    yield "| | a second | runs |"
    yield "|---|---|---|"
    rates = found["checks"] | found["logins"] | found["grants"]
    for way, what in PROOFS.items():
        yield f"| {what} | {rates[way]['median']} | {runs(rates[way])} |"
    yield ""
    yield where(found)


def services(results: Results) -> Iterator[str]:
    """A table for each kind of figure."""
    found = results.get("services")
    if not found:
        return
    offered, listed = found["offered"], found["list"]
    yield "## The services\n"
    yield "Both services in one process, as `fanfold up` runs them: records in SQLite, the audit log in a file, every"
    yield "request with a token. Requests come from another process, over 4 connections that stay open. The empty"
    yield "routes run under the same settings of uvicorn in a process of their own, and answer as many bytes as a job's"
    yield "status has (`bench/services/empty.py`). Jobs have no workers: an engine writes the tree of a job that has"
    yield "succeeded (`bench/services/up.py`). It accepts none while submissions are measured: nothing runs then.\n"
    yield "| | a second | runs |"
    yield "|---|---|---|"
    rates = found["status"] | found["submissions"]
    for way, what in WAYS.items():
        yield f"| {what} | {rates[way]['median']} | {runs(rates[way])} |"
    yield ""
    yield "| | median | 99 % within |"
    yield "|---|---|---|"
    rate = f"jobs submitted, {offered['per_second']} a second, whether or not earlier ones are answered"
    for what, took in ((rate, offered), (f"a list of {listed['items']} among {listed['jobs']:,} jobs", listed)):
        yield f"| {what} | {took['p50']} ms | {took['p99']} ms |"
    yield ""
    yield "| resident memory of both services after | |"
    yield "|---|---|"
    for what, held in found["memory"].items():
        for count, megabytes in held.items():
            yield f"| {int(count):,} {what} | {megabytes} MB |"
    yield ""
    yield where(found)
