"""The test servers themselves: a test process that is killed leaves none behind."""

import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.servers import wait_until
from tests.storage.processes import answer, python

ROOT = Path(__file__).parents[2]


@pytest.mark.thorough
@pytest.mark.parametrize("server", ["seaweedfs", "etcd"])
def test_servers_die_with_the_process_that_started_them(server: str) -> None:
    code = f"""
sys.path.insert(0, sys.argv[1])
import tests.servers
with tests.servers.{server}() as started:
    server = started.server if hasattr(started, "server") else started.members[0].server
    ports = [flag.partition("=")[2] for flag in server._command if "port" in flag]
    print(server._process.pid, server._log.parent, *ports, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    pid, folder, *ports = answer(python(code, str(ROOT)), status=-9).split()
    try:
        wait_until(lambda: not _runs(int(pid)), [], within=10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), 9)
        shutil.rmtree(folder)
        for port in ports:  # SeaweedFS's own leavings, which `seaweedfs()` cannot clear away when it is killed
            for file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                file.unlink()


def _runs(pid: int) -> bool:
    if not sys.platform.startswith("linux"):
        pytest.fail("the servers rely on the kernel's PR_SET_PDEATHSIG, which only Linux has")
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
