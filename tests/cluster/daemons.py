"""Start, watch and end the node's daemons, which outlive the command that started them; a file keeps each one's id."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .layout import LOGS, PIDS
from .shell import ClusterError, environment

STARTED = (
    "etcd", "kube-apiserver", "containerd", "kube-controller-manager", "kube-scheduler", "volumes", "kubelet",
    "kube-proxy",
)  # fmt: skip
"""Every daemon, in the order of starting."""


def start(name: str, command: Sequence[str]) -> None:
    """Start a daemon in a session of its own, so that no Ctrl-C of ours reaches it."""
    with log_file(name).open("ab") as log:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(), start_new_session=True
            )
        except FileNotFoundError as missing:
            raise ClusterError(f"{command[0]} is missing: run `python -m tests.cluster build`.") from missing
    (PIDS / name).write_text(str(process.pid))


def log_file(name: str) -> Path:
    """Where a daemon's output goes."""
    return LOGS / f"{name}.log"


def is_alive(name: str) -> bool:
    """Whether the process of that id still runs and is the daemon: ids are used again."""
    return _pid(name) is not None


def check_alive() -> None:
    """Raise if a daemon that was started has ended."""
    for path in sorted(PIDS.glob("*")):
        if not is_alive(path.name):
            raise ClusterError(f"{path.name} ended by itself: see the end of its log above.")


def last_lines(name: str, count: int = 15) -> str:
    """The end of a daemon's log."""
    if not log_file(name).exists():
        return "(no log)"
    return "\n".join(log_file(name).read_text(errors="replace").splitlines()[-count:])


def stop(*names: str, patience: float = 2.0) -> None:
    """End daemons side by side: politely first, then for good. Nothing that they keep is needed again."""
    running = {name: pid for name in names if (pid := _pid(name)) is not None}
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for pid in running.values():
            send(pid, number)
        end = time.monotonic() + wait
        while running and time.monotonic() < end:
            running = {name: pid for name, pid in running.items() if _pid(name) is not None}
            time.sleep(0.02)
    for name in names:
        if name not in running:
            (PIDS / name).unlink(missing_ok=True)
    if running:
        raise ClusterError(f"Processes that can't be ended: {running}.")


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may just have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_for(what: str, ready: Callable[[], bool], seconds: float, every: float = 0.1) -> None:
    """Wait until something is ready, looking all the while whether the daemons still live."""
    end = time.monotonic() + seconds
    while not ready():
        check_alive()
        if time.monotonic() > end:
            raise ClusterError(f"{what}: not ready within {seconds:.0f} s.")
        time.sleep(every)


def _pid(name: str) -> int | None:
    try:
        pid = int((PIDS / name).read_text())
        comm, state = _comm_and_state(pid)
    except (OSError, ValueError):
        return None
    return pid if comm == name[:15] and state != "Z" else None


def _comm_and_state(pid: int) -> tuple[str, str]:
    """The name of a process, as the kernel keeps it (15 bytes), and its state (Z: ended, not yet collected)."""
    before, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    return before.partition("(")[2], after.split()[0]
