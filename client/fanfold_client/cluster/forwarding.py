"""Hold `kubectl port-forward` for the services, so that they can be reached where their NodePorts can't.

kubectl forwards to one pod, and ends when that pod goes or the connection breaks; then it is started again.
"""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from fanfold_client.api.problems import Away, ClientError, Conflict, NotFound
from fanfold_client.cluster.kubectl import Kubectl, explain

LOOPBACK = "127.0.0.1"
SERVICES = {"submit": 1338, "auth": 1337}
"""The services, and their ports inside the cluster."""
REMOTE = {**SERVICES, "argo-ui": 2746}
"""The same, with the Argo UI, which not every installation has."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0  # seconds between two starts
START_SECONDS = 60.0

Say = Callable[[str], None]


def command(kubectl: Kubectl, service: str, local: int, remote: int) -> list[str]:
    """The command that forwards a port of this machine to a service."""
    port = str(local) if local == remote else f"{local}:{remote}"
    return kubectl.command("port-forward", f"--address={LOOPBACK}", f"service/{service}", port)


@contextmanager
def forwarding(kubectl: Kubectl, ports: Mapping[str, int], say: Say) -> Iterator[None]:
    """Forward ports of this machine to services, from when they are open until the end of the context.

    Args:
        kubectl: the cluster and namespace.
        ports: the port of this machine for each service, by the names in REMOTE.
        say: called when a forward was interrupted, and when it is back.

    Raises:
        Conflict: a port is in use.
        ClientError: kubectl can't forward to the services.
    """
    for port in ports.values():
        require_free(port)
    with ExitStack() as stack:
        started = [Forward(command(kubectl, name, port, REMOTE[name]), name, say) for name, port in ports.items()]
        for forward in started:
            stack.callback(forward.stop)
            forward.start()
        for forward in started:
            forward.wait_open()
        yield


class Forward:
    """One forward, held by a thread: kubectl is started again whenever it ends."""

    def __init__(self, command: list[str], service: str, say: Say) -> None:
        self._command = command
        self._service = service
        self._say = say
        self._opened, self._stopping = threading.Event(), threading.Event()
        self._lock = threading.Lock()  # so that nothing is started once it is stopping
        self._process: subprocess.Popen[str] | None = None
        self._failure: ClientError | None = None
        self._thread = threading.Thread(target=self._hold, name=f"forward-{service}", daemon=True)

    def start(self) -> None:
        """Start forwarding."""
        self._thread.start()

    def wait_open(self) -> None:
        """Wait until the port is open. Raises ClientError: it can't be opened."""
        if not self._opened.wait(START_SECONDS):
            raise Away(f"`{' '.join(self._command)}` opened no port within {START_SECONDS:.0f} s; is the cluster busy?")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End kubectl, and wait until it has ended."""
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                self._process.terminate()
        if self._thread.ident is not None:
            self._thread.join()

    def _hold(self) -> None:
        wait = FIRST_WAIT
        is_told = False
        for lines in self._runs():
            was_open = False
            output = []
            for line in lines:
                if not line.startswith("Forwarding from"):
                    output.append(line)
                    continue
                if is_told:
                    self._say(f"forwarding to {self._service} again")
                was_open, is_told, wait = True, False, FIRST_WAIT
                self._opened.set()
            if not self._opened.is_set():
                self._failure = self._explain(output)
                self._opened.set()
                return
            if not (was_open or is_told or self._stopping.is_set()):
                self._say(f"waiting for {self._service}: {' '.join(str(self._explain(output)).split())}")
                is_told = True
            self._stopping.wait(wait)
            wait = FIRST_WAIT if was_open else min(2 * wait, LONGEST_WAIT)

    def _runs(self) -> Iterator[Iterator[str]]:
        """Starts kubectl again and again; yields the lines of each run."""
        while True:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, encoding="utf-8", errors="replace",
                )  # fmt: skip
            with self._process as process:
                assert process.stdout is not None
                yield iter(process.stdout)

    def _explain(self, output: list[str]) -> ClientError:
        error = explain("".join(output), "kubectl port-forward")
        if isinstance(error, NotFound):
            return NotFound(f"{error}\nIs Fanfold installed there? Name its namespace with --namespace.")
        return error


def require_free(port: int) -> None:
    """Check that nothing listens on a port of this machine. Raises Conflict: something does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise Conflict(
                f"port {port} of this machine is in use ({error.strerror}), perhaps by `fanfold up` or another "
                "--forward: end that, or choose others, such as "
                "`fanfold login http://127.0.0.1:2338 --auth-url http://127.0.0.1:2337 --forward`"
            ) from None
