"""The processes that are measured: both services in one, as `fanfold up` runs them, and the empty routes in another."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from bench.harness.load import Request, ask
from bench.harness.processes import resident

POLL_SECONDS = 0.2


class Up:
    """Both services, and their admin, who submits all jobs."""

    def __init__(self, process: "subprocess.Popen[str]", ready: dict[str, Any], records: str | None) -> None:
        self._process, self._user, self._data = process, ready["user"], Path(ready["data"])
        self._hold = self._data / "hold"
        self.records = records or f"sqlite:{(self._data / 'records.db').as_uri().removeprefix('file:')}"
        self.port, self.auth_port = (urlsplit(ready[name]).port or 0 for name in ("url", "auth_url"))

    @property
    def megabytes(self) -> float:
        """What the process holds in memory."""
        return round(resident(self._process.pid) / 1e6, 1)

    def login(self) -> Request:
        """A login."""
        headers = {"Content-Type": "application/json"}
        body = json.dumps({"name": self._user["name"], "password": self._user["password"]}).encode()
        return Request("POST", "/v1/login", headers, body)

    def request(self, method: str, path: str, body: Any = None, status: int = 200) -> Request:
        """A request to submit_api, with a new token."""
        token = json.loads(ask(self.auth_port, self.login()))["access_token"]
        headers = {"Authorization": f"Bearer {token}"} | ({} if body is None else {"Content-Type": "application/json"})
        return Request(method, path, headers, None if body is None else json.dumps(body).encode(), status)

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The answer to one request to submit_api, from JSON."""
        return json.loads(ask(self.port, self.request(method, path, body, status)))

    def upload(self, path: str, data: bytes) -> None:
        """Put a file among the admin's."""
        put = self.request("PUT", f"/v1/files/{path}", status=201)
        ask(self.port, Request(put.method, put.path, put.headers, data, put.status))

    def job_url(self, job_id: str) -> str:
        """Where the tree of a job lies."""
        return f"{self._data.as_uri()}/store/jobs/{job_id}/"

    def idle(self) -> None:
        """Let jobs have workers that do nothing."""
        (self._data / "idle").touch()

    def hold(self) -> None:
        """Let jobs be admitted, and not be run."""
        self._hold.touch()

    def let_go(self) -> None:
        """Let jobs run, and wait until all have ended: the oldest are admitted first, but end in any order."""
        self._hold.unlink(missing_ok=True)
        for state in ("queued", "dispatched", "running"):
            waiting = self.request("GET", f"/v1/jobs?limit=1&state={state}")
            while json.loads(ask(self.port, waiting))["items"]:
                time.sleep(POLL_SECONDS)


@contextmanager
def services(folder: Path, records: str | None = None) -> Iterator[Up]:
    """`fanfold up` over played workers, on free ports; with records elsewhere than in its folder, if a URL is named."""
    with _started("bench.services.up", str(folder / "data"), *([records] if records else [])) as process:
        yield Up(process, json.loads(_first_line(process)), records)


@contextmanager
def empty_routes() -> Iterator[int]:
    """The port of the empty routes."""
    with _started("bench.services.empty") as process:
        yield int(_first_line(process))


@contextmanager
def _started(module: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    command: Sequence[str] = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _first_line(process: "subprocess.Popen[str]") -> str:
    said: IO[str] | None = process.stdout
    assert said is not None
    return said.readline()
