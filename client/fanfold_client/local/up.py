"""Both services and the local engine in one process, with all data in one folder.

    DIR/lock         locked while they run: one process per folder
    DIR/kek          encrypts the signing keys
    DIR/records.db   users, keys, jobs
    DIR/store/       files, bundles, job trees
    DIR/log          who asked for what, as JSON lines
    DIR/demo         marks a folder with the demo's guest, whose password everybody knows

However the process ends, the next start resumes from this data.
"""

import contextlib
import fcntl
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fanfold.terminal.console import say
from fanfold_client.api.problems import Conflict, Refused

if TYPE_CHECKING:
    from fanfold_client.local.wiring import Account

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOG_BYTES, LOGS_KEPT = 10 << 20, 5
EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 (asked for, not chosen)


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen (port 0 chooses a free one), and where to keep the data."""

    data: Path
    host: str
    port: int
    auth_port: int
    demo: bool
    expose: bool = False
    """Whether other machines may reach the services. Jobs run as this user."""
    webhooks: tuple[str, ...] = ()
    """Which URLs may be notified when a job has ended."""
    keep_days: float | None = None
    """How long ended jobs are kept, and code and uploads that no job uses; None: for ever."""
    workers: int | None = None
    """How many workers run at a time; None: as many as there are cores."""
    workers_each: int | None = None
    """How many of them the jobs of one user have; None: all."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the services are, once they respond."""

    url: str
    auth_url: str
    data: Path
    user: "Account | None"


def serve(options: Options, on_ready: Callable[[Ready], None]) -> None:
    """Run the services until SIGINT or SIGTERM; `on_ready` is called once they respond.

    Raises:
        Conflict: services are running on this folder, or a port is in use.
        Refused: other machines could reach a demo, or services that weren't exposed on purpose; or others can read the
            data.
    """
    _refuse_open_demo(options)
    _refuse_unasked_exposure(options)
    with ExitStack() as stack:
        stack.enter_context(_lock(options.data))
        auth_socket = stack.enter_context(_listen(options.host, options.auth_port, "--auth-port"))
        submit_socket = stack.enter_context(_listen(options.host, options.port, "--port"))
        auth_url, url = _url_of(options.host, auth_socket), _url_of(options.host, submit_socket)
        public_auth_url = auth_url.replace("127.0.0.1", "{host}") if options.host in EVERYWHERE else auth_url

        from fanfold_client.local.serving import run  # imported late: refusals don't wait for it
        from fanfold_client.local.wiring import Services
        from fanfold_web.command import BadSetting, CannotServe

        hosts = (*LOOPBACK, options.host) if _is_loopback(options.host) else ()
        stack.enter_context(_audit(options.data))
        try:
            services = stack.enter_context(
                Services.open(options.data, auth_url, public_auth_url, hosts, _limits(options))
            )
        except (CannotServe, BadSetting) as error:
            raise Refused(str(error)) from error
        user = services.first_user(demo=options.demo)
        ready = Ready(url, auth_url, options.data, user)
        run([(services.auth, auth_socket), (services.submit, submit_socket)], lambda: on_ready(ready))


def _limits(options: Options) -> dict[str, Any]:
    """The settings of the submit service by which an operator limits what is run, kept and notified."""
    return {name: getattr(options, name) for name in ("keep_days", "workers", "workers_each", "webhooks")}


def _listen(host: str, port: int, option: str) -> socket.socket:
    """A socket that is listening. Raises Conflict."""
    from fanfold_web.server import listen

    try:
        return listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        mend = f"choose another {option}, or 0 for a free one"
        raise Conflict(f"can't listen on {host}:{port} ({reason}): {mend}") from error


def _url_of(host: str, listener: socket.socket) -> str:
    """The socket's URL on this machine."""
    name = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


class _Log(RotatingFileHandler):
    """The log file of both services. If it can't be written, a message says so once, and the services go on."""

    _is_told = False

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """Whether the file has its size. `logging` would format each record for that, and then again to write it."""
        return self.stream is not None and self.stream.tell() >= self.maxBytes

    def handleError(self, record: logging.LogRecord) -> None:
        """Called by `logging` in the block that handles the error."""
        if not self._is_told:
            self._is_told = True
            say(f"can't write {self.baseFilename} ({sys.exc_info()[1]}); it lacks lines from now on")


@contextmanager
def _audit(data: Path) -> Iterator[None]:
    """Keep the services' log lines, which say who requested what, in a rotated file."""
    from fanfold_web.log import json_lines

    handler = _Log(data / "log", maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(json_lines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


@contextmanager
def _lock(data: Path) -> Iterator[None]:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    _refuse_shared_folder(data)
    with (data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"services are already running on {data}: stop them, or choose another --data") from None
        yield


def _refuse_open_demo(options: Options) -> None:
    if _is_loopback(options.host):
        return
    if options.demo:
        raise Refused(f"everybody knows the demo's password, so it can't listen on {options.host}: leave out --host")
    if (options.data / "demo").exists():
        raise Refused(
            f"{options.data} was used by a demo, whose password everybody knows, so it can't be served on "
            f"{options.host}: choose another --data"
        )


def _refuse_unasked_exposure(options: Options) -> None:
    if not options.expose and not _is_loopback(options.host):
        raise Refused(
            f"on {options.host} other machines can reach the services, and whoever may submit jobs runs code as you: "
            "add --expose if you want that"
        )


def _refuse_shared_folder(data: Path) -> None:
    """It holds keys, password hashes and all users' files. An empty folder is made private instead of refused."""
    if not data.stat().st_mode & 0o077:
        return
    if any(data.iterdir()):
        raise Refused(f"other users on this machine can read {data}, where all keys and files lie: chmod 700 {data}")
    data.chmod(0o700)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
