"""The Argo engine: a job's workers are the pods of one Argo Workflow, created through the Kubernetes API.

Argo's own server isn't needed. Argo's phase says whether pods are left; the job's tree says whether the job is done.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

from kubernetes import client

from fanfold.engines.argo.api import Taken, WorkflowsApi, connect
from fanfold.engines.argo.credentials import DEADLINE_MARGIN, JobCredentials
from fanfold.engines.argo.status import FAILED, STUCK, ended, phase, why_pending
from fanfold.engines.argo.workflow import FINGERPRINT_LABEL, JOB_LABEL, PodSettings, build, fingerprints
from fanfold.engines.protocol import EngineError, Foreign, Handle, Observation, Phase
from fanfold.planning.planner import PlannedJob
from fanfold_storage.urls import keep_folder

__all__ = ["ArgoEngine", "PodSettings"]

STUCK_SECONDS = 60.0  # a registry may be away for a moment


class ArgoEngine:
    """Runs jobs as Workflows in the namespace of `pods`.

    Args:
        pods: where the pods run, and what they are given.
        api: a client for the cluster; by default, for the current one.

    Raises:
        EngineError: no cluster is configured.
    """

    name = "argo"

    def __init__(self, pods: PodSettings, api: client.ApiClient | None = None) -> None:
        self._pods = pods
        api = api or connect()
        self._api = WorkflowsApi(pods.namespace, api)
        self._stuck: dict[str, float] = {}
        """Since when pods of a Workflow can't start, by its uid."""
        self._credentials = JobCredentials(api, pods.namespace) if pods.has_s3_per_job else None

    @property
    def isolates(self) -> bool:
        """Whether jobs reach only their own areas: not if all share one Secret with S3 credentials."""
        return self._pods.s3_secret is None

    def submit(self, plan: PlannedJob) -> Handle:
        """Create the job's Workflow, or adopt the one that exists.

        A Workflow that failed is removed first; this raises EngineError until its pods are gone.

        Raises:
            Refused: the pods couldn't reach a place that the plan names.
            Foreign: another job's Workflow has this job's name.
            EngineError: the API doesn't respond, or refuses.
        """
        workflow = build(plan, self._pods).to_dict()
        # Before the Workflow, whose pods would wait for what can't be issued.
        lifetime = self._pods.deadline + DEADLINE_MARGIN
        credentials = self._credentials.issue(plan, lifetime) if self._credentials else None
        _make_folders(plan)
        try:
            handle = self._handle(self._api.create(workflow)["metadata"])
        except Taken:
            handle = self._adopt(plan, workflow["metadata"]["name"])
        if self._credentials and credentials:
            self._credentials.hand_out(plan, handle, credentials)
        return handle

    def manifest(self, plan: PlannedJob) -> str:
        """The Workflow."""
        return str(build(plan, self._pods).to_yaml())

    def observe(self, handle: Handle) -> Observation:
        """The workers' state by Argo's phase; a later Workflow of the same name doesn't count."""
        workflow = self._api.get(handle.name)
        if workflow is None or workflow["metadata"]["uid"] != handle.uid:
            return Observation(Phase.GONE)
        observation = ended(workflow) or self._running(workflow, handle.uid)
        return replace(observation, stopped="shutdown" in workflow["spec"])

    def _running(self, workflow: dict[str, Any], uid: str) -> Observation:
        pending = why_pending(workflow)
        if pending is None or pending.reason not in STUCK:
            self._stuck.pop(uid, None)
        elif time.monotonic() - self._stuck.setdefault(uid, time.monotonic()) > STUCK_SECONDS:
            return Observation(Phase.ACTIVE, pending.message, hopeless=True, pending=pending)
        return Observation(Phase.ACTIVE, pending=pending)

    def active(self) -> Iterator[tuple[str, Handle]]:
        """Jobs whose Workflow Argo hasn't marked as completed."""
        for metadata in self._api.list(f"{JOB_LABEL},workflows.argoproj.io/completed!=true"):
            yield metadata["labels"][JOB_LABEL], self._handle(metadata)

    def watch(self, stop: Event) -> Iterator[str]:
        """Jobs whose Workflow changes; at first, and after each interruption, all jobs that have one."""
        for metadata in self._api.follow(JOB_LABEL, stop):
            yield metadata["labels"][JOB_LABEL]

    def cancel(self, handle: Handle) -> None:
        """Make Argo stop all pods at once."""
        self._api.patch(handle.name, handle.uid, {"spec": {"shutdown": "Terminate"}})

    def close(self) -> None:
        """Close the connections; Workflows keep running."""
        self._api.close()

    def _adopt(self, plan: PlannedJob, name: str) -> Handle:
        existing = self._api.get(name)
        if existing is None:
            raise EngineError(f"Workflow {name} existed and is gone: submit the job again")
        metadata = existing["metadata"]
        fingerprint = metadata.get("labels", {}).get(FINGERPRINT_LABEL)
        if fingerprint not in fingerprints(plan):
            raise Foreign(
                f"Workflow {name} in namespace {self._pods.namespace} belongs to another job (its label "
                f"{FINGERPRINT_LABEL} is {fingerprint}): if nobody needs it, delete it and submit the job again"
            )
        if phase(existing) in FAILED:
            self._api.delete(name, metadata["uid"])
        elif "deletionTimestamp" not in metadata:
            return self._handle(metadata)
        raise EngineError(f"the job's previous Workflow {name} is being removed: submit the job again in a moment")

    def _handle(self, metadata: dict[str, Any]) -> Handle:
        return Handle(self._pods.namespace, metadata["name"], metadata["uid"])


def _make_folders(plan: PlannedJob) -> None:
    """Make the folders that pods mount: the pods' user couldn't write to those that Kubernetes makes itself.

    The job's tree exists, with `job.json` in it.
    """
    for area in plan.areas or ():
        if area.is_on_disk and area.url.endswith("/") and area.url != plan.job_url:
            keep_folder(area.url)
