"""Both services with the local engine in one process, over one folder.

    DIR/lock         held while they run: one process a folder
    DIR/kek          encrypts the signing keys
    DIR/records.db   users, keys, jobs
    DIR/store/       files, bundles, job trees
    DIR/demo         there if the folder has the demo's guest, whose password everybody knows

However the process ends, the next start goes on from what lies there.
"""

import contextlib
import fcntl
import ipaddress
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

import fanfold_auth.app
import fanfold_auth.settings
import fanfold_submit.app
import fanfold_submit.settings
from fanfold.engines.local import LocalEngine
from fanfold_auth.users import Users
from fanfold_client import serving
from fanfold_client.problems import Conflict, Refused
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records

GUEST, ADMIN = "guest", "admin"
RECONCILE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen (ports 0: free ones) and where to keep all."""

    data: Path
    host: str
    port: int
    auth_port: int
    demo: bool


@dataclass(frozen=True, slots=True)
class Account:
    """A user that this start made, with the password in clear: shown once."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the services are, once they answer."""

    url: str
    auth_url: str
    data: Path
    user: Account | None


def serve(options: Options, tell: Callable[[Ready], None]) -> None:
    """Run the services until SIGINT or SIGTERM; `tell` is called when they answer.

    Raises:
        Conflict: services run on this folder already, or a port is taken.
        Refused: a demo that others than this machine could reach.
    """
    _refuse_open_demo(options)
    with ExitStack() as stack:
        stack.enter_context(_lock(options.data))
        auth_socket = stack.enter_context(serving.listen(options.host, options.auth_port))
        submit_socket = stack.enter_context(serving.listen(options.host, options.port))
        records = open_records("sqlite:" + (options.data / "records.db").absolute().as_uri().removeprefix("file:"))
        stack.callback(records.close)
        engine = LocalEngine()
        stack.callback(engine.close)
        user = _first_user(records, options)
        auth_url, url = (serving.url_of(options.host, listener) for listener in (auth_socket, submit_socket))
        apps = [
            (_auth(options, auth_url, records), auth_socket),
            (_submit(options, auth_url, records, engine), submit_socket),
        ]
        serving.run(apps, lambda: tell(Ready(url, auth_url, options.data, user)))


def _auth(options: Options, auth_url: str, records: Records) -> FastAPI:
    settings = fanfold_auth.settings.Settings(issuer=auth_url, kek_file=_kek(options.data))
    return fanfold_auth.app.build_app(settings, records)


def _submit(options: Options, auth_url: str, records: Records, engine: LocalEngine) -> FastAPI:
    told = auth_url.replace("127.0.0.1", "{host}") if options.host in serving.EVERYWHERE else auth_url
    settings = fanfold_submit.settings.Settings(
        issuer=auth_url, jwks_url=f"{auth_url}/v1/keys", auth_url=told, reconcile_seconds=RECONCILE_SECONDS
    )
    store = options.data.absolute() / "store"
    store.mkdir(exist_ok=True)
    return fanfold_submit.app.build_app(settings, records, open_objects(f"{store.as_uri()}/"), engine)


@contextmanager
def _lock(data: Path) -> Iterator[None]:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"services run on {data} already: stop them, or choose another --data") from None
        yield


def _refuse_open_demo(options: Options) -> None:
    if _is_loopback(options.host):
        return
    if options.demo:
        raise Refused(
            f"a demo has a password that everybody knows, so it can't listen on {options.host}: leave --host out"
        )
    if (options.data / "demo").exists():
        raise Refused(
            f"{options.data} was a demo's, whose password everybody knows, so it can't be served on {options.host}: "
            "choose another --data"
        )


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _first_user(records: Records, options: Options) -> Account | None:
    """The demo's guest; without a demo an admin, if there is nobody yet."""
    users = Users(records)
    if options.demo:
        (options.data / "demo").touch()
        if not users.find(GUEST):
            users.create(GUEST, GUEST, ["submitter"], any_password=True)
        return Account(GUEST, GUEST)
    if users.page(limit=1).users:
        return None
    account = Account(ADMIN, secrets.token_urlsafe(12))
    users.create(account.name, account.password, ["admin"])
    return account


def _kek(data: Path) -> Path:
    """The file with the key-encrypting key, made at the first start."""
    path = data / "kek"
    if not path.exists():
        hidden = data / f".kek.{os.getpid()}"
        hidden.unlink(missing_ok=True)
        with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
    return path
