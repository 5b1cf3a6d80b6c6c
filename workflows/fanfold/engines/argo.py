"""The Argo engine: a job's workers are the pods of one Argo Workflow, created through the Kubernetes API.

Argo's own server isn't needed. Argo's phase tells whether pods are left; whether the job is done stands in its tree.
"""

from collections.abc import Iterator
from threading import Event
from typing import Any

from kubernetes import client

from fanfold.engines.protocol import EngineError, Foreign, Handle, Observation, Phase
from fanfold.engines.workflows_api import Taken, WorkflowsApi, connect
from fanfold.planner import PlannedJob
from fanfold.workflow import FINGERPRINT_LABEL, JOB_LABEL, PodSettings, build, labels
from fanfold_steps.exits import PERMANENT

__all__ = ["ArgoEngine", "PodSettings"]

FAILED = {"Failed", "Error"}
ENDED = {"Succeeded", *FAILED}


class ArgoEngine:
    """Runs jobs as Workflows in the namespace of `pods`; without `api`, a cluster's client, in the current cluster."""

    name = "argo"

    def __init__(self, pods: PodSettings, api: client.ApiClient | None = None) -> None:
        self._pods = pods
        self._api = WorkflowsApi(pods.namespace, api or connect())

    def submit(self, plan: PlannedJob) -> Handle:
        """Create the job's Workflow, or adopt the one that is there.

        A Workflow that failed is removed first, and while its pods leave, this raises EngineError.

        Raises:
            Refused: the pods wouldn't see a place that the plan names.
        """
        workflow = build(plan, self._pods).to_dict()
        try:
            return self._handle(self._api.create(workflow)["metadata"])
        except Taken:
            return self._adopt(plan, workflow["metadata"]["name"])

    def observe(self, handle: Handle) -> Observation:
        """Argo's phase; a Workflow that took the name later isn't this one."""
        workflow = self._api.get(handle.name)
        if workflow is None or workflow["metadata"]["uid"] != handle.uid:
            return Observation(Phase.GONE)
        if _phase(workflow) not in ENDED:
            return Observation(Phase.ACTIVE)
        return Observation(Phase.ENDED, _message(workflow["status"]))

    def active(self) -> Iterator[tuple[str, Handle]]:
        """Jobs whose Workflow Argo hasn't marked as completed."""
        for metadata in self._api.list(f"{JOB_LABEL},workflows.argoproj.io/completed!=true"):
            yield metadata["labels"][JOB_LABEL], self._handle(metadata)

    def watch(self, stop: Event) -> Iterator[str]:
        """Jobs whose Workflow changes; first, and after each interruption, all that have one."""
        for metadata in self._api.follow(JOB_LABEL, stop):
            yield metadata["labels"][JOB_LABEL]

    def cancel(self, handle: Handle) -> None:
        """Let Argo end all pods at once."""
        self._api.patch(handle.name, handle.uid, {"spec": {"shutdown": "Terminate"}})

    def close(self) -> None:
        """Close the connections; Workflows go on."""
        self._api.close()

    def _adopt(self, plan: PlannedJob, name: str) -> Handle:
        there = self._api.get(name)
        if there is None:
            raise EngineError(f"the Workflow {name} was there and is gone: submit the job again")
        metadata = there["metadata"]
        theirs = metadata.get("labels", {}).get(FINGERPRINT_LABEL)
        if theirs != labels(plan)[FINGERPRINT_LABEL]:
            raise Foreign(
                f"the Workflow {name} in namespace {self._pods.namespace} is not this job's (its label "
                f"{FINGERPRINT_LABEL} is {theirs}): if nobody needs it, delete it and submit the job again"
            )
        if _phase(there) in FAILED:
            self._api.delete(name, metadata["uid"])
        elif "deletionTimestamp" not in metadata:
            return self._handle(metadata)
        raise EngineError(f"the job's last Workflow {name} is being removed: submit the job again in a moment")

    def _handle(self, metadata: dict[str, Any]) -> Handle:
        return Handle(self._pods.namespace, metadata["name"], metadata["uid"])


def _phase(workflow: dict[str, Any]) -> str:
    return str(workflow.get("status", {}).get("phase", ""))


def _message(status: dict[str, Any]) -> str:
    """What the pod said that made the job fail, or that failed last; of the whole Argo says only "child … failed"."""
    failed = [
        node
        for node in (status.get("nodes") or {}).values()
        if node.get("type") == "Pod" and node.get("phase") in FAILED and node.get("message")
    ]
    failed.sort(key=lambda node: str(node.get("finishedAt")))
    permanent = [node for node in failed if int(node.get("outputs", {}).get("exitCode", 0)) in PERMANENT]
    for node in [*permanent[:1], *failed[-1:]]:
        return f"{node['displayName']}: {node['message']}"
    return str(status.get("message") or "")
