"""What the node takes of the machine it stands on, and gives back: a tmpfs, a link, kernel settings."""

import json
from collections.abc import Mapping
from pathlib import Path

from .layout import FOLDERS, LINK, NODE_ADDRESS, ROOT, SYSCTLS_BEFORE
from .shell import ClusterError, run

SIZE = "12g"
CHANGED_BY_DAEMONS = (
    "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
    "net/ipv4/conf/all/route_localnet",
)  # fmt: skip
"""Kernel settings that the kubelet and kube-proxy change without being asked (connection time-outs besides)."""
CHANGED_BY_US = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
SETTINGS = Path("/proc/sys")


def is_taken() -> bool:
    """Whether the node, or a part of it, stands on this machine."""
    return ROOT.is_mount() or link_exists(LINK)


def link_exists(name: str) -> bool:
    """Whether the machine has a network link of that name."""
    return Path("/sys/class/net", name).exists()


def check_free() -> None:
    """Refuse a machine on which another Kubernetes node lives: taking ours down would take it along."""
    if is_taken():
        raise ClusterError("The node is up: `python -m tests.cluster status` tells how it is, `… down` takes it down.")
    signs = [name for name in ("cni0", "kube-bridge", "flannel.1") if link_exists(name)]
    signs += [str(path) for path in Path("/sys/fs/cgroup").glob("**/kubepods*")]
    if signs:
        raise ClusterError(f"Another Kubernetes seems to run on this machine ({', '.join(signs)}): use one without.")


def take() -> None:
    """Mount the tmpfs, note the kernel's settings in it, make the node's address."""
    ROOT.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "fanfold-lab", ROOT)
    for folder in FOLDERS:
        folder.mkdir(parents=True)
    SYSCTLS_BEFORE.write_text(json.dumps(_read_settings()))
    run("ip", "link", "add", LINK, "type", "bridge")
    run("ip", "addr", "add", f"{NODE_ADDRESS}/24", "dev", LINK)
    run("ip", "link", "set", LINK, "up")
    _share_network_namespaces()
    _write_settings(CHANGED_BY_US)


def _share_network_namespaces() -> None:
    """Have `ip netns` make its folder a mount of its own now, as it does when it is first asked for a namespace.

    If a test asked first, those of the pods that run by then would be mounted twice, and couldn't be removed.
    """
    run("ip", "netns", "add", LINK)
    run("ip", "netns", "del", LINK)


def restore_settings() -> None:
    """Give every kernel setting the value it had."""
    if SYSCTLS_BEFORE.exists():
        now = _read_settings()
        before: dict[str, str] = json.loads(SYSCTLS_BEFORE.read_text())
        _write_settings({name: value for name, value in before.items() if now.get(name) != value})


def _read_settings() -> dict[str, str]:
    timeouts = (SETTINGS / "net/netfilter").glob("nf_conntrack_tcp_timeout_*")
    names = [*CHANGED_BY_DAEMONS, *CHANGED_BY_US, *(str(path.relative_to(SETTINGS)) for path in timeouts)]
    return {name: (SETTINGS / name).read_text().strip() for name in names if (SETTINGS / name).exists()}


def _write_settings(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if (SETTINGS / name).exists():
            (SETTINGS / name).write_text(value)
