"""Bring the node up: the order in which everything starts, and what may start side by side."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from . import addons, certificates, daemons, host, images, network, settings, teardown
from .build import Cache
from .layout import ADMIN_KUBECONFIG, CONTAINERD_SOCKET, LOGS, NODE, ROOT, RUN_MARK
from .shell import ClusterError, environment, run, say

NEEDED_FIRST = tuple(
    program.name for program in (images.PAUSE, images.COREDNS, images.NETWORK_POLICIES, images.ARGOEXEC, images.ARGO)
)
"""The kubelet waits for these images: it would try in vain to pull what isn't there yet, and pause before it looks
again."""


def up(cache: Cache, archives: Sequence[Path]) -> None:
    """Bring the node up with these images; if anything fails or interrupts, say why and leave nothing behind."""
    host.check_free()
    began = time.monotonic()
    try:
        host.take()
        certificates.write_all()
        settings.write_all(cache.cni)
        network.divert()
        with ThreadPoolExecutor(8) as pool:
            _start(cache, archives, pool)
    except BaseException as failed:
        if isinstance(failed, Exception) and ROOT.is_mount():
            say(_diagnosis(cache))
        teardown.down()
        raise
    say(f"The node is up after {time.monotonic() - began:.1f} s.")


def _start(cache: Cache, archives: Sequence[Path], pool: ThreadPoolExecutor) -> None:
    commands = settings.commands(cache.bin)

    def start(*names: str) -> None:
        for name in names:
            daemons.start(name, commands[name])

    manifests = pool.submit(addons.manifests, cache.bin / "kubectl", cache.argo_source)
    start("etcd", "kube-apiserver", "containerd")
    daemons.wait_for("containerd", _containerd_answers, 30)
    first = [path for path in archives if path.stem in NEEDED_FIRST]
    imports = [pool.submit(import_archive, path) for path in first]
    daemons.wait_for("kube-apiserver", lambda: _api_answers(cache), 60)
    start("kube-controller-manager", "kube-scheduler", "kube-proxy", "volumes")
    _finish(imports)
    start("kubelet")
    later = [pool.submit(import_archive, path) for path in archives if path not in first]
    kubectl(cache, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests.result())
    daemons.wait_for("Deployments", lambda: _deployments_stand(cache), 120, every=0.3)
    daemons.wait_for("NetworkPolicies", network.is_enforced, 60)
    daemons.wait_for("Argo Server's NodePort", addons.argo_server_answers, 30)
    _finish(later)


def _finish(imports: Sequence[Future[None]]) -> None:
    for done in imports:
        done.result()


def import_archive(archive: Path) -> None:
    """Give the node the images of an archive."""
    run("ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", "images", "import", archive, timeout=120)


def kubectl(cache: Cache, *words: str | Path, stdin: str | None = None, check: bool = True) -> str:
    """Run kubectl as the node's administrator, with its own cache inside the node's state."""
    own = environment({"KUBECONFIG": str(ADMIN_KUBECONFIG), "KUBECACHEDIR": str(ROOT / "kubectl-cache")})
    return run(cache.bin / "kubectl", *words, stdin=stdin, env=own, timeout=60, check=check)


def _containerd_answers() -> bool:
    """`plugins ls` and no other: `ctr version` succeeds without a server."""
    return bool(run("ctr", "-a", CONTAINERD_SOCKET, "plugins", "ls", check=False, timeout=10))


def _api_answers(cache: Cache) -> bool:
    return kubectl(cache, "get", "--raw", "/readyz", check=False) == "ok"


def _deployments_stand(cache: Cache) -> bool:
    found = kubectl(cache, "get", "deployments", "--all-namespaces", "-o", "json", check=False)
    ready = {
        (item["metadata"]["namespace"], item["metadata"]["name"])
        for item in json.loads(found or '{"items": []}')["items"]
        if item.get("status", {}).get("availableReplicas")
    }
    return ready.issuperset(addons.DEPLOYMENTS)


def _diagnosis(cache: Cache) -> str:
    """What one wants to see when the node doesn't come up, while it can still be asked."""
    dead = [name for name in daemons.STARTED if (LOGS / f"{name}.log").exists() and not daemons.is_alive(name)]
    parts = [f"--- {name}, which has ended:\n{daemons.last_lines(name)}" for name in dead]
    if daemons.is_alive("kube-apiserver"):
        parts += [f"--- {title}:\n{_attempt(ask)}" for title, ask in _questions(cache)]
    if daemons.is_alive("kubelet"):
        parts.append(f"--- kubelet:\n{daemons.last_lines('kubelet', 5)}")
    return "\n".join(parts)


def _questions(cache: Cache) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("nodes and pods", lambda: kubectl(cache, "get", "nodes,pods", "--all-namespaces", check=False)),
        ("warnings", lambda: kubectl(cache, "get", "events", "--all-namespaces", "--field-selector", "type=Warning",
                                     check=False)),
    ]  # fmt: skip


def _attempt(ask: Callable[[], str]) -> str:
    try:
        return ask().strip()
    except ClusterError as failed:
        return str(failed)


def status(cache: Cache) -> bool:
    """Say how the node is; whether it is up."""
    if is_up():
        say(f"The node {NODE} is up; its daemons log to {LOGS}.")
        say(_attempt(lambda: kubectl(cache, "get", "nodes,pods", "--all-namespaces")))
    elif host.is_taken():
        dead = [name for name in daemons.STARTED if not daemons.is_alive(name)]
        say(f"The node is coming up, or is broken: {', '.join(dead)} not running. If it stays so, take it down.")
    else:
        say("The node is down.")
    return is_up()


def is_up() -> bool:
    """Whether every daemon of the node runs."""
    return all(map(daemons.is_alive, daemons.STARTED))


def is_left_behind() -> bool:
    """Whether a command that died left a node; whoever asks has the turn, so nobody else is at work on it."""
    return host.is_taken() and (RUN_MARK.exists() or not is_up())
