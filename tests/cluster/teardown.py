"""Take the node down so that nothing of it remains, from whatever state it was left in.

A step that fails doesn't keep the others from being tried. The link and the tmpfs, by which one sees that there is
something to take down, go last. Nothing is touched where neither exists: the rules could be another node's.
"""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import daemons, host, network
from .layout import CONTAINERD_SOCKET, LINK, ROOT
from .shell import ClusterError, run

CGROUPS = Path("/sys/fs/cgroup")
LEFT_BEHIND = ("/var/lib/cni", "/var/log/containers", "/run/containerd/s", "/run/containerd/runc/k8s.io",
               "/var/lib/kubelet/device-plugins")  # fmt: skip
PERHAPS_EMPTY = ("/run/containerd/runc", "/run/containerd", "/var/lib/kubelet")


def down() -> None:
    """Take everything down; tell what could not be. Signals wait: half a teardown helps nobody."""
    if not host.is_taken():
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        problems = list(filter(None, map(_attempt, _steps())))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if problems:
        raise ClusterError("The node is not wholly down; try `down` again.\n" + "\n".join(problems))


def _steps() -> tuple[Callable[[], None], ...]:
    return (
        lambda: daemons.stop("volumes", "kubelet", "kube-proxy", "kube-scheduler", "kube-controller-manager"),
        _remove_containers,
        lambda: daemons.stop("kube-apiserver", "containerd", "etcd"),
        _end_leftover_processes,
        _delete_network_namespaces,
        _delete_rules,
        host.restore_settings,
        _delete_cgroups,
        _delete_folders,
        lambda: _delete_link("cni0"),
        lambda: _delete_link(LINK),
        _unmount,
    )


def _attempt(step: Callable[[], None]) -> str:
    try:
        step()
    except (ClusterError, OSError) as failed:
        return str(failed)
    return ""


def _remove_containers() -> None:
    if not daemons.is_alive("containerd"):
        return
    for kind, force in (("tasks", ("-f",)), ("containers", ())):
        if names := _ctr(kind, "ls", "-q").split():
            _ctr(kind, "rm", *force, *names)


def _ctr(*words: str) -> str:
    """A container that is just ending may refuse; what is left then is found by its process and its cgroup."""
    return run("ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", *words, timeout=60, check=False)


def _end_leftover_processes() -> None:
    """Shims of starts that failed survive containerd, and containers may survive their shim."""
    found = set(_shims()) | set(_contained())
    end = time.monotonic() + 5
    while found and time.monotonic() < end:
        for pid in found:
            daemons.send(pid, signal.SIGKILL)
        time.sleep(0.05)
        found = set(_shims()) | set(_contained())
    if found:
        raise ClusterError(f"Processes of pods that can't be ended: {sorted(found)}.")


def _shims() -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in words[0] and str(CONTAINERD_SOCKET).encode() in words:
            yield int(folder.name)


def _contained() -> Iterator[int]:
    for root in _cgroup_roots():
        for members in root.glob("**/cgroup.procs"):
            yield from map(int, members.read_text().split())


def _cgroup_roots() -> list[Path]:
    """One in each hierarchy of cgroup v1, a single one in v2."""
    return [*CGROUPS.glob("*/kubepods"), *CGROUPS.glob("kubepods")]


def _delete_cgroups() -> None:
    for root in _cgroup_roots():
        for folder, _, _ in os.walk(root, topdown=False):
            os.rmdir(folder)


def _delete_network_namespaces() -> None:
    for namespace in Path("/run/netns").glob("cni-*"):
        run("umount", "--lazy", namespace, check=False)  # it may be mounted once more than `ip` expects
        run("ip", "netns", "del", namespace.name)


def _delete_rules() -> None:
    for family in ("iptables", "ip6tables"):
        rules = run(f"{family}-save", check=False)
        kept = [line for line in rules.splitlines() if not re.search(r"KUBE-|CNI-", line)]
        if len(kept) < len(rules.splitlines()):
            run(f"{family}-restore", stdin="\n".join(kept) + "\n")
    network.delete_table()


def _delete_link(name: str) -> None:
    if host.link_exists(name):
        run("ip", "link", "del", name)


def _delete_folders() -> None:
    for name in LEFT_BEHIND:
        shutil.rmtree(name, ignore_errors=True)
    for folder in map(Path, PERHAPS_EMPTY):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _unmount() -> None:
    """Deepest first, and the folder by rmdir: a mount that is left would lose its content to `rm -r`."""
    below = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in sorted((place for place in below if Path(place).is_relative_to(ROOT)), reverse=True):
        run("umount", "-l", place)
    ROOT.rmdir()
