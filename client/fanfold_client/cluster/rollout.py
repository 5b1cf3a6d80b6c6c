"""Wait until everything that was installed is running; if something isn't, find out why."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fanfold_client.api.problems import Away, ClientError
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.objects import OURS

NO_IMAGE = ("ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName")
Object = Mapping[str, Any]


class NotReady(ClientError):
    """Part of the installation doesn't start. The message names the pod, the reason and its last log lines."""


@dataclass(frozen=True)
class Workload:
    """The state of a Deployment or StatefulSet."""

    name: str
    ready: int
    wanted: int
    settled: bool

    def __str__(self) -> str:
        return f"{self.name} {self.ready}/{self.wanted}"


def wait(kubectl: Kubectl, names: Iterable[str], seconds: float, say: Callable[[str], None]) -> None:
    """Wait until these workloads run with all their replicas, in the version that was applied.

    Args:
        kubectl: the cluster and namespace.
        names: of Deployments and StatefulSets.
        seconds: the longest time to wait.
        say: called with a message whenever the list of pending workloads changes.

    Raises:
        NotReady: they didn't start in time, or never will.
    """
    expected, deadline, last_line = set(names), time.monotonic() + seconds, ""
    while True:
        objects = _objects(kubectl)
        workloads = [_workload(item) for item in objects if item["kind"] in ("Deployment", "StatefulSet")]
        waiting = sorted(str(each) for each in workloads if each.name in expected and not each.settled)
        if not waiting and expected <= {each.name for each in workloads}:
            return
        missing = _missing_image(objects)
        if missing:
            raise NotReady(missing)
        if time.monotonic() > deadline:
            raise NotReady(f"Not ready after {seconds:.0f} s: {', '.join(waiting)}\n{diagnose(kubectl, objects)}")
        if (line := ", ".join(waiting)) != last_line:
            say(f"waiting for {line}")
            last_line = line
        time.sleep(1)


def _objects(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Fanfold's workloads and pods. Tries again once, because a busy cluster may fail to respond."""
    try:
        return kubectl.items("deployments,statefulsets,pods", "--selector", OURS)
    except Away:
        return kubectl.items("deployments,statefulsets,pods", "--selector", OURS)


def _workload(item: Object) -> Workload:
    status, wanted = item.get("status", {}), item["spec"].get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    seen = status.get("observedGeneration", 0) >= item["metadata"]["generation"]
    settled = seen and ready == updated == status.get("replicas", 0) == wanted
    return Workload(item["metadata"]["name"], min(ready, updated), wanted, settled)


def _missing_image(objects: Iterable[Object]) -> str | None:
    """A message about an image of ours that the node doesn't have, and can't pull because it names no registry."""
    for pod in _pods(objects):
        for status in _containers(pod):
            waiting = status.get("state", {}).get("waiting", {})
            if waiting.get("reason") in NO_IMAGE and "/" not in status["image"]:
                return (
                    f"The image {status['image']} of pod {pod['metadata']['name']} is not on the node: "
                    "`make images` in a checkout of Fanfold builds it (for minikube: `make images ENGINE=minikube`)."
                )
    return None


def diagnose(kubectl: Kubectl, objects: Iterable[Object]) -> str:
    """For each pod that isn't ready: its name, the reason, its last warning and the last lines of its log."""
    objects = list(objects)
    warnings = _warnings(kubectl)
    lines = [line for item in objects if item["kind"] != "Pod" for line in _blocked(item)]
    for pod in _pods(objects):
        if not _is_ready(pod):
            name = pod["metadata"]["name"]
            lines += [f"  {name}: {reason}" for reason in _reasons(pod)]
            lines += [f"    event: {warnings[name]}"] if name in warnings else []
            lines += [f"    log: {line}" for line in _last_log_lines(kubectl, pod)]
    return "\n".join(lines)


def _pods(objects: Iterable[Object]) -> Iterator[Object]:
    return (item for item in objects if item["kind"] == "Pod")


def _containers(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _blocked(workload: Object) -> Iterator[str]:
    for condition in workload.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield f"  {workload['metadata']['name']}: {condition.get('message', condition.get('reason'))}"


def _reasons(pod: Object) -> list[str]:
    reasons = []
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            reasons.append(f"not scheduled: {condition.get('message', '')}")
    for status in _containers(pod):
        state, before = status.get("state", {}), status.get("lastState", {}).get("terminated")
        if waiting := state.get("waiting"):
            reasons.append(
                f"{status['name']} is waiting: {waiting.get('reason')} {waiting.get('message', '')}".rstrip()
            )
        if ended := state.get("terminated") or before:
            reasons.append(
                f"{status['name']} exited with status {ended.get('exitCode')} ({ended.get('reason')}), "
                f"started {status.get('restartCount', 0) + 1} times"
            )
        if "running" in state and not status.get("ready"):
            reasons.append(f"{status['name']} is running, but not ready")
    return reasons or [pod.get("status", {}).get("phase", "unknown")]


def _warnings(kubectl: Kubectl) -> dict[str, str]:
    """The last warning about each object, by name."""
    events = kubectl.items_if_allowed("events", "--field-selector", "type=Warning")
    events.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return {event["involvedObject"]["name"]: event.get("message", "").splitlines()[0] for event in events}


def _last_log_lines(kubectl: Kubectl, pod: Object) -> list[str]:
    status = next(iter(_containers(pod)), {})
    again = ["--previous"] if "waiting" in status.get("state", {}) and status.get("restartCount") else []
    try:
        text = kubectl.run("logs", pod["metadata"]["name"], "--tail=10", *again, seconds=20)
    except ClientError:
        return []  # there is no log
    return text.splitlines()
