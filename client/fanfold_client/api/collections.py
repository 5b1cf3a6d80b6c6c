"""What the services keep, one class for each collection: files, bundles, jobs, users, keys.

Methods only raise the exceptions of `fanfold_client.api.problems`. Threads may share all of them.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from urllib.parse import quote

from fanfold_client.api.credentials import valid_name
from fanfold_client.api.download import download
from fanfold_client.api.events import Event, events
from fanfold_client.api.job_filters import JobFilters, query_of
from fanfold_client.api.paths import file_path, job_path, user_path
from fanfold_client.api.problems import NotFound, Refused
from fanfold_client.api.responses import About, BadRecord, File, Job, Key, Part, Results, User
from fanfold_client.api.transport import Transport

if TYPE_CHECKING:
    from typing import Unpack

CHUNK = 1 << 20
LARGEST_PAGE = 100  # jobs that the service lists at once
LARGEST_BAD_PAGE = 1000
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
Source = Path | bytes
Observer = Callable[[int], None]
"""Called with the number of bytes sent; with a negative number when an attempt starts over."""


class Files:
    """The files in the service. Paths are relative to the user's own namespace, or begin with `@shared/`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def put(self, path: str, source: Source, observe: Observer | None = None) -> File:
        """Store a file, replacing one at the same path. A file on disk is streamed.

        Args:
            path: where to store it.
            source: a file on disk, or its bytes.
            observe: called with the bytes sent so far.
        """
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        response = self._transport.json(
            "PUT",
            file_path(path),
            content=_body(source, observe),
            headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
        )
        return cast(File, response)

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of a file. Resumes if the connection breaks."""
        return download(self._transport, file_path(path))

    def list(self, prefix: str = "") -> Iterator[File]:
        """All files whose paths begin with `prefix`, in order."""
        return self._transport.items("/v1/files", {"prefix": prefix})

    def level(self, prefix: str = "") -> Iterator[File]:
        """The files and folders whose paths begin with `prefix`, without what lies in the folders, in order.

        The path of a folder ends with a slash, its size is that of all that lies in it.
        """
        return self._transport.items("/v1/files", {"prefix": prefix, "delimiter": "/"})

    def find(self, path: str) -> Sequence[File]:
        """The file at this path, or all files below it. Raises NotFound: there are none."""
        first = next(self.list(path), None)
        if first and first["path"] == path:
            return (first,)
        files = tuple(self.list(f"{path.rstrip('/')}/" if path else ""))
        if not files:
            raise NotFound(f"there is no file or folder files:{path}; `fanfold ls` lists those that exist")
        return files

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._transport.request("DELETE", file_path(path))


class Bundles:
    """Code bundles and wheels: zip files stored under the SHA-256 of their bytes, and shared by jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def ensure(self, sha256: str, source: Source) -> bool:
        """Store a bundle or a wheel unless it is known; returns whether it was sent. A file on disk is streamed."""
        try:
            self._transport.request("HEAD", f"/v1/bundles/{sha256}")
        except NotFound:
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
            self._transport.request(
                "PUT",
                f"/v1/bundles/{sha256}",
                content=_body(source, None),
                headers={"Content-Type": "application/zip", "Content-Length": str(size)},
            )
            return True
        return False


class JobListing(NamedTuple):
    """The first jobs of a list, and what follows them."""

    jobs: Sequence[Job]
    more: int | None
    """How many follow, 1,000 for that many or more; None if the service can't tell without reading all of them."""
    are_all: bool


class Jobs:
    """The user's jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(self, request: dict[str, Any], key: str | None = None) -> Job:
        """Submit a job. Repeating a request with the same key returns the same job.

        Args:
            request: the body of `POST /v1/jobs`.
            key: the idempotency key; by default a random one.

        Raises:
            Refused: also for a key that no header can hold, and an empty one, which would stand for no request.
        """
        if key is not None and not _KEY.fullmatch(key):
            raise Refused(f"an idempotency key has 1 to 255 visible ASCII characters, unlike {key[:80]!a}")
        headers = {"Idempotency-Key": secrets.token_urlsafe(18) if key is None else key}
        response = self._transport.json("POST", "/v1/jobs", json=request, headers=headers, repeatable=True)
        return cast(Job, response)

    def get(self, job: str) -> Job:
        """A job in its current state."""
        return cast(Job, self._transport.json("GET", job_path(job)))

    def list(self, *, limit: int | None = None, **filters: "Unpack[JobFilters]") -> Iterator[Job]:
        """Your jobs, the newest first unless filters say otherwise.

        Args:
            limit: the most jobs to list.
            filters: which ones, such as `state="failed"` or `since="2d"`; see `JobFilters`.

        Raises:
            Refused: the service has no list of such jobs in this order, or a time isn't one.
        """
        return islice(self._transport.items("/v1/jobs", _paged(filters, limit)), limit)

    def first(self, limit: int, **filters: "Unpack[JobFilters]") -> JobListing:
        """The first of the jobs that `list` lists, and how many follow."""
        query = query_of(filters)
        jobs: list[Job] = []
        while True:
            paged = {"limit": str(min(limit, LARGEST_PAGE)), "count": str(limit <= LARGEST_PAGE).lower()}
            page = self._transport.json("GET", "/v1/jobs", params=query | paged)
            jobs += page["items"]
            limit -= len(page["items"])
            if not limit or not page["cursor"]:
                return JobListing(jobs, page.get("more"), are_all=not page["cursor"])
            query["cursor"] = page["cursor"]

    def cancel(self, job: str) -> Job:
        """Request the cancellation of a job. Repeating the request has no effect."""
        return cast(Job, self._transport.json("POST", job_path(job, "cancel"), repeatable=True))

    def events(self, job: str, after: str = "") -> Iterator[Event]:
        """What changes of the job, as it happens, until it has ended. Continues when the connection breaks.

        Args:
            job: its id.
            after: the id of the last event seen; by default, the job as it stands comes first.

        Raises:
            NoStream: nothing is streamed here.
        """
        return events(self._transport, job_path(job, "events"), after)

    def retry(self, job: str, request: dict[str, Any]) -> Job:
        """Give a job that failed or was cancelled another run. With `run` in the request, it may be repeated.

        Raises Conflict: its workers are still stopping, its output isn't free, or it hasn't failed.
        """
        response = self._transport.json("POST", job_path(job, "retry"), json=request, repeatable="run" in request)
        return cast(Job, response)

    def workflow(self, job: str, run: int | None = None) -> str:
        """The Argo Workflow of the job's last run, or of another one, as YAML. Raises Conflict: it has none."""
        query = {} if run is None else {"run": str(run)}
        return self._transport.request("GET", job_path(job, "workflow"), params=query).text

    def prioritize(self, job: str, priority: int) -> Job:
        """Let a job that waits start before its owner's others, or after them; for administrators. Raises Conflict."""
        body = {"priority": priority}
        return cast(Job, self._transport.json("POST", job_path(job, "priority"), json=body, repeatable=True))

    def delete(self, job: str) -> None:
        """Remove a job that has ended, with its results unless they are among the files. Raises NotFound, Conflict."""
        self._transport.json("DELETE", job_path(job))

    def results(self, job: str) -> Results:
        """The files of the job's output and of its named ones, in order. Raises Conflict: it has no results."""
        return cast(Results, self._transport.json("GET", job_path(job, "results")))

    def parts(self, job: str, output: str | None = None) -> Sequence[Part]:
        """The files of the job's output, or of a named one, in order. Raises NotFound: it has no such output."""
        results = self.results(job)
        if output is None:
            return results["parts"]
        named = results.get("outputs", {})
        if output not in named:
            known = f"it has {', '.join(named)}" if named else "it has no named outputs"
            raise NotFound(f"job {job} has no output {output!r}: {known}")
        return named[output]

    def read(self, job: str, output: str | None = None, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of all parts, in order, or a range of them. Resumes if the connection breaks."""
        query = "" if output is None else f"?output={quote(output, safe='')}"
        return download(self._transport, job_path(job, "results/data") + query, start, stop)


class Quarantine:
    """Bad records that jobs have skipped."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, job: str) -> Iterator[BadRecord]:
        """The job's bad records, in the order of the input, each with its position and what was wrong."""
        return self._transport.items(job_path(job, "quarantine"), {"limit": str(LARGEST_BAD_PAGE)})

    def read(self, job: str, input: str | None = None) -> Iterator[bytes]:
        """The bad records as they were, those of a named input: a file that a job reads again. Raises NotFound."""
        query = "" if input is None else f"?input={quote(input, safe='')}"
        return download(self._transport, job_path(job, "quarantine/records") + query)


class Users:
    """Accounts."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(self, name: str, password: str, roles: Iterable[str]) -> User:
        """Create an account."""
        body = {"name": valid_name(name), "password": password, "roles": list(roles)}
        return cast(User, self._transport.json("POST", "/v1/users", json=body))

    def list(self) -> Iterator[User]:
        """All accounts, by name."""
        return self._transport.items("/v1/users")

    def get(self, name: str) -> User:
        """One account."""
        return cast(User, self._transport.json("GET", user_path(name)))

    def disable(self, name: str) -> User:
        """Disable an account and end its logins."""
        return cast(User, self._transport.json("PATCH", user_path(name), json={"disabled": True}))

    def enable(self, name: str) -> User:
        """Enable an account that was disabled."""
        return cast(User, self._transport.json("PATCH", user_path(name), json={"disabled": False}))

    def set_password(self, name: str, password: str, current: str | None = None) -> None:
        """Change a user's password, which ends their logins. Changing your own needs the `current` one.

        Raises:
            NotAllowed: the current password is wrong, or you aren't an administrator and it is another user's.
        """
        body = {"password": password} if current is None else {"password": password, "current": current}
        # Sent twice, a change of your own could fail the second time: the current password is then another.
        self._transport.request("PUT", user_path(name, "password"), repeatable=current is None, json=body)

    def grant(self, name: str, role: str) -> User:
        """Grant a role."""
        return cast(User, self._transport.json("PUT", user_path(name, f"roles/{role}")))

    def revoke(self, name: str, role: str) -> User:
        """Revoke a role."""
        return cast(User, self._transport.json("DELETE", user_path(name, f"roles/{role}")))

    def remove(self, name: str) -> None:
        """Remove an account."""
        self._transport.request("DELETE", user_path(name))


class Keys:
    """The keys that sign tokens."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Sequence[Key]:
        """The keys that verify tokens, as JWKs."""
        return cast(Sequence[Key], self._transport.json("GET", "/v1/keys")["keys"])

    def rotate(self) -> Key:
        """Publish a new signing key, which takes over at `signs_from`; for administrators."""
        return cast(Key, self._transport.json("POST", "/v1/keys/rotate"))


class SubmitService(Protocol):
    """The submit service, as far as submitting a job and reading its results need it; `Client` is one."""

    @property
    def files(self) -> Files:
        """The user's files."""

    @property
    def bundles(self) -> Bundles:
        """Code bundles."""

    @property
    def jobs(self) -> Jobs:
        """The user's jobs."""

    @property
    def quarantine(self) -> Quarantine:
        """Bad records of the user's jobs."""

    def about(self) -> About:
        """What the submit service says about itself."""


def _paged(filters: JobFilters, limit: int | None) -> dict[str, Any]:
    return query_of(filters) | ({} if limit is None else {"limit": str(min(limit, LARGEST_PAGE))})


def _body(source: Source, observe: Observer | None) -> Callable[[], Iterator[bytes]]:
    """Opens the source again for each attempt, and takes back what a failed one reported to the observer."""
    reported = 0

    def read() -> Iterator[bytes]:
        nonlocal reported
        if observe and reported:
            observe(-reported)
        reported = 0
        for chunk in _chunks(source):
            yield chunk
            reported += len(chunk)
            if observe:
                observe(len(chunk))

    return read


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
