"""`Client`: all that the command asks of the services, for use in Python.

    with Client.login("http://127.0.0.1:1338", "guest", "guest") as fanfold:
        fanfold.files.put("texts/a.txt", Path("a.txt"))
        job = fanfold.jobs.submit({"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]})

Every method raises only `fanfold_client.problems`. A client may be shared by threads.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from fanfold_client.answers import About, File, Job, Me, Part, User
from fanfold_client.credentials import InMemory, log_in, valid_name
from fanfold_client.download import download
from fanfold_client.problems import NotFound, Refused
from fanfold_client.transport import Credentials, Transport
from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects import validate_key

CHUNK = 1 << 20
Source = Path | bytes
Observer = Callable[[int], None]
"""Is told how many bytes have gone; a negative number when a try begins again."""


class Client:
    """Fanfold's services, seen by one user."""

    def __init__(self, url: str, credentials: Credentials | None = None, *, auth_url: str | None = None) -> None:
        """`url` is submit_api's; without an `auth_url` it is asked where its auth service is."""
        self._submit = Transport(url, credentials)
        self._credentials = credentials
        self._auth_url = auth_url
        self.files = Files(self._submit)
        self.bundles = Bundles(self._submit)
        self.jobs = Jobs(self._submit)

    @classmethod
    def login(cls, url: str, name: str, password: str) -> "Client":
        """A client whose tokens live in memory."""
        with cls(url) as anonymous:
            auth_url = anonymous.auth_url
        return cls(url, InMemory(auth_url, log_in(auth_url, name, password)), auth_url=auth_url)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._submit.close()
        if "_auth" in self.__dict__:
            self._auth.close()

    @property
    def url(self) -> str:
        """Where submit_api is."""
        return self._submit.url

    @cached_property
    def auth_url(self) -> str:
        """Where the auth service is."""
        return self._auth_url or self.about()["auth_url"]

    @cached_property
    def users(self) -> "Users":
        """Accounts; for administrators."""
        return Users(self._auth)

    def about(self) -> About:
        """What the service tells anybody about itself."""
        try:
            return cast(About, self._submit.json("GET", "/v1/about"))
        except NotFound as error:
            raise NotFound(f'{self.url} is no submit service: give the URL called "jobs and files"') from error

    def me(self) -> Me:
        """Who the token stands for."""
        return cast(Me, self._submit.json("GET", "/v1/me"))

    def keys(self) -> Sequence[dict[str, Any]]:
        """The keys that verify tokens, as JWKs."""
        return cast(Sequence[dict[str, Any]], self._auth.json("GET", "/v1/keys")["keys"])

    def rotate_keys(self) -> dict[str, Any]:
        """Publish a new signing key, which signs a little later; for administrators."""
        return cast(dict[str, Any], self._auth.json("POST", "/v1/keys/rotate"))

    @cached_property
    def _auth(self) -> Transport:
        return Transport(self.auth_url, self._credentials)


class Files:
    """The files in the service: paths are relative to the user's own area, or begin with `@shared/`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def put(self, path: str, source: Source, observe: Observer | None = None) -> File:
        """Store a file whole, replacing what was there; streams from a path."""
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        answer = self._transport.json(
            "PUT",
            _file(path),
            content=_body(source, observe),
            headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
        )
        return cast(File, answer)

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of a file; goes on where it was if the connection breaks."""
        return download(self._transport, _file(path))

    def list(self, prefix: str = "") -> Iterator[File]:
        """Every file whose path begins with `prefix`, in order."""
        return _pages(self._transport, "/v1/files", {"prefix": prefix})

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._transport.request("DELETE", _file(path))


class Bundles:
    """Code bundles: zips under the SHA-256 of their bytes, shared by jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def ensure(self, sha256: str, data: bytes) -> bool:
        """Store the bundle unless it is known; whether it was sent."""
        try:
            self._transport.request("HEAD", f"/v1/bundles/{sha256}")
        except NotFound:
            self._transport.request(
                "PUT", f"/v1/bundles/{sha256}", content=data, headers={"Content-Type": "application/zip"}
            )
            return True
        return False


class Jobs:
    """The user's jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(self, request: dict[str, Any], key: str | None = None) -> Job:
        """Submit a job (the body of `POST /v1/jobs`). With the same key it is the same job, so it may be sent again."""
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(18)}
        answer = self._transport.json("POST", "/v1/jobs", json=request, headers=headers, repeatable=True)
        return cast(Job, answer)

    def get(self, job: str) -> Job:
        """A job as it stands."""
        return cast(Job, self._transport.json("GET", _job(job)))

    def list(self, **filters: str) -> Iterator[Job]:
        """Jobs, the newest first."""
        return _pages(self._transport, "/v1/jobs", filters)

    def cancel(self, job: str) -> Job:
        """Ask for the job to end; asking twice does no harm."""
        return cast(Job, self._transport.json("POST", f"{_job(job)}/cancel", repeatable=True))

    def parts(self, job: str, output: str | None = None) -> Sequence[Part]:
        """The files of the job's output, or of a named one, in order. Raises NotFound: it has no such output."""
        answer = self._transport.json("GET", f"{_job(job)}/results")
        if output is None:
            return cast(Sequence[Part], answer["parts"])
        named = answer.get("outputs", {})
        if output not in named:
            known = f"it has {', '.join(named)}" if named else "it has no named outputs"
            raise NotFound(f"job {job} has no output {output!r}: {known}")
        return cast(Sequence[Part], named[output])

    def read(self, job: str, output: str | None = None) -> Iterator[bytes]:
        """The bytes of all parts, in order; goes on where it was if the connection breaks."""
        query = "" if output is None else f"?output={quote(output, safe='')}"
        return download(self._transport, f"{_job(job)}/results/data{query}")


class Users:
    """Accounts."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(self, name: str, password: str, roles: Iterable[str]) -> User:
        """Make an account."""
        body = {"name": valid_name(name), "password": password, "roles": list(roles)}
        return cast(User, self._transport.json("POST", "/v1/users", json=body))

    def list(self) -> Iterator[User]:
        """Every account, by name."""
        return _pages(self._transport, "/v1/users", {})

    def get(self, name: str) -> User:
        """One account."""
        return cast(User, self._transport.json("GET", _user(name)))

    def disable(self, name: str) -> User:
        """Keep the user from logging in and end their logins."""
        return cast(User, self._transport.json("PATCH", _user(name), json={"disabled": True}))

    def enable(self, name: str) -> User:
        """Let the user log in again."""
        return cast(User, self._transport.json("PATCH", _user(name), json={"disabled": False}))

    def set_password(self, name: str, password: str) -> None:
        """Give the user another password, which ends their logins."""
        self._transport.request("PUT", f"{_user(name)}/password", json={"password": password})

    def grant(self, name: str, role: str) -> User:
        """Give a role."""
        return cast(User, self._transport.json("PUT", f"{_user(name)}/roles/{quote(role, safe='')}"))

    def revoke(self, name: str, role: str) -> User:
        """Take a role."""
        return cast(User, self._transport.json("DELETE", f"{_user(name)}/roles/{quote(role, safe='')}"))

    def remove(self, name: str) -> None:
        """Forget the user."""
        self._transport.request("DELETE", _user(name))


def _file(path: str) -> str:
    """The URL's path for a file. Checked here: a URL with `..` would lead elsewhere before the service sees it."""
    try:
        return f"/v1/files/{quote(validate_key(path))}"
    except UnicodeEncodeError as error:
        raise Refused(f"{path!r} can't be a path in the service: it isn't UTF-8; rename the file") from error
    except InvalidKey as error:
        raise Refused(str(error)) from error


def _job(job: str) -> str:
    return f"/v1/jobs/{quote(job, safe='')}"


def _user(name: str) -> str:
    return f"/v1/users/{quote(name, safe='')}"


def _pages(transport: Transport, path: str, query: dict[str, str]) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page = transport.json("GET", path, params={**query, **({"cursor": cursor} if cursor else {})})
        yield from page["items"]
        cursor = page.get("cursor")
        if not cursor:
            return


def _body(source: Source, observe: Observer | None) -> Callable[[], Iterator[bytes]]:
    """Opens the source anew for each try, and takes back what a broken one had told the observer."""
    told = 0

    def read() -> Iterator[bytes]:
        nonlocal told
        if observe and told:
            observe(-told)
        told = 0
        for chunk in _chunks(source):
            yield chunk
            told += len(chunk)
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
