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
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fanfold_client.problems import Conflict, Refused

if TYPE_CHECKING:
    from fanfold_client.wiring import Account

EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 (asked for, not chosen)


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen (ports 0: free ones) and where to keep all."""

    data: Path
    host: str
    port: int
    auth_port: int
    demo: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the services are, once they answer."""

    url: str
    auth_url: str
    data: Path
    user: "Account | None"


def serve(options: Options, tell: Callable[[Ready], None]) -> None:
    """Run the services until SIGINT or SIGTERM; `tell` is called when they answer.

    Raises:
        Conflict: services run on this folder already, or a port is taken.
        Refused: a demo that others than this machine could reach.
    """
    _refuse_open_demo(options)
    with ExitStack() as stack:
        stack.enter_context(_lock(options.data))
        auth_socket = stack.enter_context(_listen(options.host, options.auth_port))
        submit_socket = stack.enter_context(_listen(options.host, options.port))
        auth_url, url = _url_of(options.host, auth_socket), _url_of(options.host, submit_socket)
        told = auth_url.replace("127.0.0.1", "{host}") if options.host in EVERYWHERE else auth_url

        from fanfold_client.serving import run  # only now: what can be refused is refused before all that loads
        from fanfold_client.wiring import Services

        services = stack.enter_context(Services.open(options.data, auth_url, told))
        user = services.first_user(demo=options.demo)
        ready = Ready(url, auth_url, options.data, user)
        run([(services.auth, auth_socket), (services.submit, submit_socket)], lambda: tell(ready))


def _listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on. Raises Conflict."""
    from fanfold_web.server import listen

    try:
        return listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Conflict(f"can't listen on {host}:{port} ({reason}): choose another port, or 0 for a free one") from error


def _url_of(host: str, listener: socket.socket) -> str:
    """The URL under which this machine reaches the socket."""
    name = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


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
