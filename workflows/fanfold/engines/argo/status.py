"""What the status of a Workflow says about its workers: why they ended, or why they can't start."""

import re
from typing import Any

from fanfold.engines.protocol import Observation, Pending, Phase
from fanfold_steps.worker.exits import PERMANENT

FAILED = {"Failed", "Error"}
_ENDED = {"Succeeded", *FAILED}
_PULLING = re.compile("(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull)")
_CONFIGURING = re.compile("CreateContainerConfigError")
_QUOTA = re.compile("exceeded quota|failed quota")
_UNSCHEDULABLE = re.compile("Unschedulable")
LONGEST = 1000  # characters of Kubernetes' own words
_OUT_OF_MEMORY = re.compile("OOMKilled")

Object = dict[str, Any]


def phase(workflow: Object) -> str:
    """Argo's own phase of the Workflow; empty before its controller has seen it."""
    return str(workflow.get("status", {}).get("phase", ""))


def why_stuck(workflow: Object) -> str | None:
    """Why a pod can't start, if it never will unless somebody changes something; None if all is well.

    Kubernetes goes on trying, so a registry that is away for a moment looks the same.
    """
    found = pending(workflow)
    return found.message if found and found.reason in _STUCK else None


def pending(workflow: Object) -> Pending | None:
    """Why pods haven't started, by the one whose reason weighs most; None if none is waiting."""
    waiting = [node for node in _pods(workflow) if node.get("phase") == "Pending"]
    reasons = [_why_pending(workflow, node) for node in waiting]
    return min(reasons, key=lambda reason: (_WEIGHTS.index(reason.reason), -len(reason.message)), default=None)


_STUCK = ("image", "configuration")
_WEIGHTS = (*_STUCK, "quota", "unschedulable", "pods")


def _why_pending(workflow: Object, node: Object) -> Pending:
    name, message = node.get("displayName", "a pod"), str(node.get("message") or "")[:LONGEST]
    if _PULLING.match(message):
        image = _container(workflow, node).get("image")
        mend = "check its name, and that the cluster may pull it"
        return Pending("image", f"{name}: the image {image} can't be pulled: {mend} ({message})")
    if _CONFIGURING.match(message):
        mend = "create it, or correct its name"
        return Pending("configuration", f"{name}: the pod lacks a Secret, or a key in one: {mend} ({message})")
    if _QUOTA.search(message):
        mend = "wait for other pods to end, ask for less, or have the quota raised"
        return Pending("quota", f"{name}: the namespace's quota leaves no room: {mend} ({message})")
    if _UNSCHEDULABLE.match(message):
        mend = "wait, ask for less (Resources), or add nodes"
        return Pending("unschedulable", f"{name}: no node has room, or is allowed: {mend} ({message})")
    return Pending("pods", f"{name} is starting{f': {message}' if message else ''}")


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
