"""What the status of a Workflow says about its workers: why they ended, or why they can't start."""

import re
from typing import Any

from fanfold.engines.protocol import Observation, Pending, Phase
from fanfold_steps.worker.exits import PERMANENT

FAILED = {"Failed", "Error"}
_ENDED = {"Succeeded", *FAILED}
_PULLING = re.compile("(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull)")
_CONFIGURING = re.compile("CreateContainerConfigError")
_OVER_QUOTA = re.compile("exceeded quota")
_UNSCHEDULABLE = re.compile("Unschedulable")
_STARTING = re.compile("(PodInitializing|ContainerCreating)")
STUCK = ("image", "configuration")
"""The reasons for which a pod never starts unless somebody changes something."""
_WORST_FIRST = (*STUCK, "quota", "unschedulable", "pods")
_OUT_OF_MEMORY = re.compile("OOMKilled")

Object = dict[str, Any]


def phase(workflow: Object) -> str:
    """Argo's own phase of the Workflow; empty before its controller has seen it."""
    return str(workflow.get("status", {}).get("phase", ""))


def why_pending(workflow: Object) -> Pending | None:
    """Why pods can't start, the worst reason first; None if all that wait are about to start.

    Kubernetes goes on trying whatever the reason is, so a registry that is away for a moment looks as if it had no such
    image.
    """
    found = [why for node in _pods(workflow) if node.get("phase") == "Pending" and (why := _why(workflow, node))]
    if phase(workflow) == "Pending" and (message := str(workflow["status"].get("message") or "")):
        found.append(Pending("pods", message))
    return min(found, key=lambda why: _WORST_FIRST.index(why.reason), default=None)


def _why(workflow: Object, node: Object) -> Pending | None:
    """Why a pod can't start; None if it is about to."""
    name, message = node["displayName"], str(node.get("message") or "")
    if _PULLING.match(message):
        mend = "check its name, and that the cluster may pull it"
        image = _container(workflow, node).get("image")
        return Pending("image", f"{name}: the image {image} can't be pulled: {mend} ({message})")
    if _CONFIGURING.match(message):
        mend = "create it, or correct its name"
        return Pending("configuration", f"{name}: the pod lacks a Secret, or a key in one: {mend} ({message})")
    if _OVER_QUOTA.search(message):
        mend = "wait for other pods to end, ask for less, or have the quota raised"
        return Pending("quota", f"{name}: the namespace's quota leaves no room: {mend} ({message})")
    if _UNSCHEDULABLE.match(message):
        mend = "wait, ask for less (Resources), or add nodes"
        return Pending("unschedulable", f"{name}: no node has room for the pod, or suits it: {mend} ({message})")
    return Pending("pods", f"{name}: {message}") if message and not _STARTING.match(message) else None


def ended(workflow: Object) -> Observation | None:
    """How the workers ended, if they have: by the pod that made the job fail, or the last one that failed.

    Of the Workflow itself, Argo only says "child … failed".
    """
    if phase(workflow) not in _ENDED:
        return None
    failed = [node for node in _pods(workflow) if node.get("phase") in FAILED and node.get("message")]
    failed.sort(key=lambda node: str(node.get("finishedAt")))
    permanent = [node for node in failed if int(node.get("outputs", {}).get("exitCode", 0)) in PERMANENT]
    for node in [*permanent[:1], *failed[-1:]]:
        if _OUT_OF_MEMORY.search(node["message"]):
            limit = _container(workflow, node).get("resources", {}).get("limits", {}).get("memory")
            message = f"{node['displayName']} was killed for lack of memory (OOMKilled), of which it had {limit}"
            return Observation(Phase.ENDED, f"{message}: raise Resources(memory=…)", hopeless=True)
        return Observation(Phase.ENDED, f"{node['displayName']}: {node['message']}")
    return Observation(Phase.ENDED, str(workflow["status"].get("message") or ""))


def _pods(workflow: Object) -> list[Object]:
    nodes = workflow.get("status", {}).get("nodes") or {}
    return [node for node in nodes.values() if node.get("type") == "Pod"]


def _container(workflow: Object, node: Object) -> Object:
    """The container of the template from which a pod was made."""
    templates = {template["name"]: template for template in workflow["spec"].get("templates", [])}
    container: Object = templates.get(node.get("templateName"), {}).get("container", {})
    return container
