"""What is seen of the user's jobs: their tasks, their logs, and what bounds them."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

import httpx

from fanfold_client.api.paths import job_path
from fanfold_client.api.problems import Away
from fanfold_client.api.responses import Explanation, LogLine, Task
from fanfold_client.api.transport import TRIES, Transport

LARGEST_PAGE = 1000  # tasks that the service lists at once
PAUSE = 0.5  # seconds before a log is opened again


class Tasks:
    """The tasks of jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, job: str, *, limit: int | None = None, **filters: Any) -> Iterator[Task]:
        """The tasks of a job, the slowest first.

        Args:
            job: the job's id.
            limit: the most tasks to list.
            filters: `stage`, `step`, `state`, and `sort`: seconds, records, bytes or index.
        """
        query = {name: value for name, value in filters.items() if value is not None}
        query["limit"] = LARGEST_PAGE if limit is None else min(limit, LARGEST_PAGE)
        return islice(self._transport.items(job_path(job, "tasks"), query), limit)

    def explain(self, job: str) -> Explanation:
        """What bounds a job, the weightiest first, and how unequal its tasks are."""
        return cast(Explanation, self._transport.json("GET", job_path(job, "explain")))


class Logs:
    """The logs of jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read(
        self, job: str, *, task: str | None = None, follow: bool = False, run: int | None = None
    ) -> Iterator[LogLine]:
        """The lines of a job's log in the order of their times. If the connection breaks, it goes on from there.

        Args:
            job: the job's id.
            task: only lines of this task, `map/12`, or of a step's tasks, `map`.
            follow: go on until the job has ended.
            run: an earlier run of a job that was retried anew; by default, the last one.

        Raises:
            Away: the service disconnected several times in a row.
        """
        query = {"format": "jsonl", "follow": "true" if follow else "false"} | ({"task": task} if task else {})
        query |= {} if run is None else {"run": str(run)}
        position, fruitless = "", 0
        while True:
            try:
                for lines, mark in self._opened(job, query | ({"position": position} if position else {})):
                    yield from lines
                    position, fruitless = mark["position"], 0
                    if mark["end"]:
                        return
            except httpx.TransportError as error:
                fruitless += 1
                if fruitless == TRIES:
                    what = f"{self._transport.url} disconnected {TRIES} times while the log of job {job} was read"
                    raise Away(what) from error
            time.sleep(PAUSE)

    def _opened(self, job: str, query: Mapping[str, str]) -> Iterator[tuple[Sequence[LogLine], dict[str, Any]]]:
        """Lines, with the mark that says where they end; what comes without one will come again."""
        lines: list[LogLine] = []
        with self._transport.stream(job_path(job, "logs"), params=query) as response:
            for text in response.iter_lines():
                told = json.loads(text)
                if "position" in told:
                    yield lines, told
                    lines = []
                else:
                    lines.append(told)
