"""`fanfold login --forward`: the command holds kubectl, other commands go through it, and it leaves nothing behind.

kubectl is a stand-in that forwards to `fanfold up`; tests/argo forwards into a real cluster.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fanfold_client import main
from fanfold_client.cluster.forwarding import SERVICES
from tests.client.services import PASSWORD, People, Person
from tests.waiting import poll

KUBECTL = """#!{python}
import os, socket, sys, threading
from pathlib import Path
folder = Path({folder!r})
if "get" in sys.argv:
    sys.exit(print("service/argo-ui" if (folder / "argo-ui").exists() else ""))
*where, verb, address, service, ports = sys.argv[1:]
with open(folder / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
name = service.removeprefix("service/")
if (folder / "fails").exists():
    sys.exit((folder / "fails").read_text())
local, _, remote = ports.partition(":")
target = int((folder / name).read_text())
(folder / (name + ".pid")).write_text(str(os.getpid()))

def pump(source, sink):
    while data := source.recv(1 << 16):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)

with socket.create_server((address.removeprefix("--address="), int(local))) as listener:
    print(f"Forwarding from 127.0.0.1:{{local}} -> {{remote or local}}", flush=True)
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", target))
        for ends in ((near, far), (far, near)):
            threading.Thread(target=pump, args=ends, daemon=True).start()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Cluster:
    """The stand-in's folder, and the person who forwards."""

    def __init__(self, folder: Path, person: Person) -> None:
        self.folder, self.person = folder, person
        program = folder / "kubectl"
        program.write_text(KUBECTL.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        for name, url in (("submit", person.up.url), ("auth", person.up.auth_url)):
            (folder / name).write_text(url.rpartition(":")[2])
        self.url, self.auth_url = (f"http://127.0.0.1:{free_port()}" for _ in SERVICES)

    @property
    def words(self) -> list[str]:
        return ["login", self.url, "--auth-url", self.auth_url, "--forward"]

    @property
    def environ(self) -> dict[str, str]:
        return self.person.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}"}

    @contextmanager
    def forward(self, *options: str, stdin: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """The command in the background, once it says that the login is there."""
        words = [*self.words, *options, "--json"]
        with self.person.spawn(*words, env=self.environ, stdin=subprocess.PIPE) as process:
            assert process.stdin and process.stdout
            try:
                process.stdin.write(stdin.encode())
                process.stdin.close()
                told = process.stdout.readline()
                assert told, process.stderr and process.stderr.read().decode()
                assert json.loads(told)["url"] == self.url
                yield process
            finally:
                process.kill()
                self.end_kubectl()

    def pid(self, name: str) -> int:
        return int((self.folder / f"{name}.pid").read_text())

    def end_kubectl(self) -> None:
        """End what a command that was killed leaves behind: that is the one end that it can't see to."""
        for name in SERVICES:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                os.kill(self.pid(name), signal.SIGKILL)

    def is_gone(self, pid: int) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return False
        return True


@pytest.fixture
def cluster(make_person: People, tmp_path: Path) -> Cluster:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Cluster(folder, make_person())


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_other_commands_go_through_it_until_it_is_stopped(cluster: Cluster, number: signal.Signals):
    me = cluster.person
    with cluster.forward("--user", me.name, "--password-stdin", stdin=f"{PASSWORD}\n") as process:
        assert me("whoami", "--json").json["url"] == cluster.url
        pids = [cluster.pid(name) for name in SERVICES]
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr and "Stopped forwarding." in process.stderr.read().decode()
    assert all(map(cluster.is_gone, pids))
    local, auth = (url.rpartition(":")[2] for url in (cluster.url, cluster.auth_url))
    assert sorted((cluster.folder / "calls").read_text().splitlines()) == [
        f"--namespace=fanfold port-forward --address=127.0.0.1 service/auth {auth}:1337",
        f"--namespace=fanfold port-forward --address=127.0.0.1 service/submit {local}:1338",
    ]


@pytest.mark.thorough
def test_a_pod_that_goes_interrupts_nobody_for_long(cluster: Cluster):
    me = cluster.person
    with cluster.forward("--user", me.name, "--password-stdin", stdin=f"{PASSWORD}\n"):
        before = cluster.pid("submit")
        os.kill(before, signal.SIGKILL)
        poll(lambda: cluster.pid("submit") != before)
        assert me("whoami", "--json").json["name"] == me.name


@pytest.mark.thorough
def test_what_can_not_be_reached_any_more_is_said_once_and_when_it_is_back(cluster: Cluster):
    me = cluster.person
    with cluster.forward("--user", me.name, "--password-stdin", stdin=f"{PASSWORD}\n") as process:
        fails = cluster.folder / "fails"
        fails.write_text("error: unable to forward port because pod is not running\n")
        os.kill(cluster.pid("submit"), signal.SIGKILL)
        poll(lambda: (cluster.folder / "calls").read_text().count("service/submit") > 3)
        fails.unlink()
        before = cluster.pid("submit")
        poll(lambda: cluster.pid("submit") != before)
        assert me("whoami", "--json").json["name"] == me.name
        process.terminate()
        assert process.stderr
        told = process.stderr.read().decode()
    assert told.count("waiting for submit: ") == 1 and "pod is not running" in told
    assert told.count("forwarding to submit again") == 1


@pytest.mark.thorough
def test_a_login_that_is_left_needs_no_password(cluster: Cluster):
    me = cluster.person
    with cluster.forward("--user", me.name, "--password-stdin", stdin=f"{PASSWORD}\n"):
        pass
    poll(lambda: all(cluster.is_gone(cluster.pid(name)) for name in SERVICES))
    with cluster.forward() as process:
        assert me("whoami", "--json").json["name"] == me.name
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.thorough
def test_the_argo_ui_is_forwarded_where_it_is_installed(cluster: Cluster):
    (cluster.folder / "argo-ui").write_text(cluster.auth_url.rpartition(":")[2])
    me = cluster.person
    with cluster.forward("--user", me.name, "--password-stdin", stdin=f"{PASSWORD}\n") as process:
        poll(lambda: (cluster.folder / "argo-ui.pid").exists())
        with socket.create_connection(("127.0.0.1", 2746), 10):
            pass
        assert me("whoami", "--json").json["name"] == me.name
        process.terminate()
        assert process.wait(20) == 0 and process.stderr
        assert "and http://127.0.0.1:2746 to the Argo UI" in process.stderr.read().decode()
    assert cluster.is_gone(cluster.pid("argo-ui"))


@pytest.mark.thorough
def test_the_argo_ui_is_left_out_where_its_port_is_in_use(cluster: Cluster):
    (cluster.folder / "argo-ui").write_text("1")
    me = cluster.person
    with (
        socket.create_server(("127.0.0.1", 2746)),
        cluster.forward("--user", me.name, "--password-stdin", stdin=f"{PASSWORD}\n") as process,
    ):
        assert me("whoami", "--json").json["name"] == me.name
        process.terminate()
        assert process.wait(20) == 0 and process.stderr
        told = process.stderr.read().decode()
    assert "Port 2746 of this machine is in use, so the Argo UI is not forwarded." in told
    assert "service/argo-ui" not in (cluster.folder / "calls").read_text()


@pytest.mark.thorough
def test_what_is_not_installed_is_told_at_once(cluster: Cluster):
    (cluster.folder / "fails").write_text('Error from server (NotFound): services "submit" not found\n')
    done = cluster.person.spawn(*cluster.words, "--namespace", "elsewhere", env=cluster.environ)
    _, told = done.communicate(timeout=60)
    assert done.returncode == 5
    assert b'services "submit" not found' in told and b"Name its namespace with --namespace" in told


def test_a_port_in_use_is_told_with_others_to_take(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main.run(["login", f"http://127.0.0.1:{port}", "--forward"]) == 5
    told = capsys.readouterr().err
    assert f"port {port} of this machine is in use" in told and "--auth-url http://127.0.0.1:2337 --forward" in told


@pytest.mark.parametrize(
    "url", ["http://192.0.2.7:30002", "https://127.0.0.1:1338", "http://localhost", "127.0.0.1:1", "http://127.0.0.1:x"]
)
def test_it_forwards_ports_of_this_machine_alone(url: str, capsys: pytest.CaptureFixture[str]):
    assert main.run(["login", url, "--forward"]) == 2
    assert f"http://127.0.0.1:1338, not {url}" in " ".join(capsys.readouterr().err.split())


def test_a_clusters_options_go_with_forward(capsys: pytest.CaptureFixture[str]):
    assert main.run(["login", "--namespace", "team-a"]) == 2
    assert "go with --forward" in capsys.readouterr().err
