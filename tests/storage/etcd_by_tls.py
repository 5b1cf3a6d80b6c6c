"""An etcd as `fanfold deploy` leaves it: TLS alone, and a user of each service with its own prefix."""

import os
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fanfold_client.cluster.etcd.certificates import Certificate, authority, issue
from fanfold_client.cluster.etcd.tls import HOSTS, ROOT, USERS, access_commands
from tests.servers import EtcdCluster, EtcdMember, Server, free_ports, script, wait_until

SIGNER = authority("ca")
Environ = dict[str, str]


@dataclass(frozen=True)
class GuardedMember(EtcdMember):
    """A member that only says by its metrics how it is."""

    metrics: str

    def healthy(self) -> bool:
        return '"health":"true"' in self._read("health")

    def leads(self) -> bool:
        return "\netcd_server_is_leader 1\n" in self._read("metrics")

    def _read(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://{self.metrics}/{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""


def files(folder: Path, held: Certificate, signer: Certificate = SIGNER) -> Environ:
    """What a client finds in its environment."""
    folder.mkdir()
    found = {}
    for name, content in {"CACERT": signer.certificate, "CERT": held.certificate, "KEY": held.key}.items():
        (folder / name).write_text(content)
        found[f"ETCDCTL_{name}"] = str(folder / name)
    return found


@contextmanager
def guarded_etcd(folder: Path, members: int = 1) -> Iterator[tuple[EtcdCluster, dict[str, Environ]]]:
    """So many members with the flags of argo/base/etcd.yaml that concern TLS, and the environment of each user."""
    people = {name: files(folder / name, issue(SIGNER, name)) for name in (ROOT, *USERS)}
    own = files(folder / "server", issue(SIGNER, "etcd", HOSTS))
    ports = [free_ports(3) for _ in range(members)]
    everyone = ",".join(f"m{at}=https://127.0.0.1:{peer}" for at, (_, peer, _) in enumerate(ports))
    started: list[EtcdMember] = []
    try:
        for at, (client, peer, metrics) in enumerate(ports):
            flags = {
                "name": f"m{at}",
                "data-dir": folder / f"m{at}",
                "listen-client-urls": f"https://127.0.0.1:{client}",
                "advertise-client-urls": f"https://127.0.0.1:{client}",
                "listen-peer-urls": f"https://127.0.0.1:{peer}",
                "initial-advertise-peer-urls": f"https://127.0.0.1:{peer}",
                "initial-cluster": everyone,
                "listen-metrics-urls": f"http://127.0.0.1:{metrics}",
                "unsafe-no-fsync": str(members == 1).lower(),  # without fsync, members that are killed lose writes
                "log-level": "warn",
                **_tls_flags(own),
            }
            command = [str(script("etcd")), *(f"--{name}={value}" for name, value in flags.items())]
            server = Server(command, folder / f"m{at}.log")
            started.append(GuardedMember(server, f"127.0.0.1:{client}", f"127.0.0.1:{metrics}"))
        wait_until(lambda: all(member.healthy() for member in started), [member.server for member in started])
        cluster = EtcdCluster(started)
        for words in [*access_commands(), ("auth", "enable")]:
            _control(cluster, people[ROOT], *words)
        yield cluster, people
    finally:
        for member in started:
            member.server.kill()


def _tls_flags(own: Environ) -> dict[str, str]:
    flags = {"client-cert-auth": "true", "peer-client-cert-auth": "true", "peer-cert-allowed-cn": "etcd"}
    for side in ("", "peer-"):
        flags |= {
            f"{side}cert-file": own["ETCDCTL_CERT"],
            f"{side}key-file": own["ETCDCTL_KEY"],
            f"{side}trusted-ca-file": own["ETCDCTL_CACERT"],
        }
    return flags


def _control(cluster: EtcdCluster, environ: Mapping[str, str], *words: str) -> None:
    command = [str(script("etcdctl")), f"--endpoints=https://{cluster.endpoints[0]}", *words]
    subprocess.run(command, env={**os.environ, **environ}, check=True, capture_output=True, timeout=30)
