"""Temporary S3 credentials for each job, limited to what its code may reach.

They are in a Secret that the job's Workflow owns, so Kubernetes removes it with the Workflow. They outlive the
Workflow's deadline, so they are never renewed: a job that takes longer is dispatched again, and resumes.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes import client

from fanfold.engines.argo.api import CONNECT_SECONDS, READ_SECONDS, Taken, explained
from fanfold.engines.argo.workflow import API_VERSION, JOB_LABEL, credentials_name
from fanfold.engines.protocol import EngineError, Handle
from fanfold.errors import Refused
from fanfold.planning.areas import minimal
from fanfold.planning.planner import PlannedJob
from fanfold_storage.errors import InvalidKey, StorageError, Unsupported
from fanfold_storage.urls import session_credentials

LIFETIMES = (25 * 3600, 12 * 3600, 3600)
"""Lifetimes of credentials to try, in seconds. AWS allows at most twelve hours, and one hour for chained roles."""
DEADLINE_MARGIN = 15 * 60  # seconds by which credentials outlive the Workflow's deadline

Issue = Callable[[Mapping[str, str], Mapping[str, bool], int], dict[str, str]]


def longest_lifetime(url: str, environ: Mapping[str, str] = os.environ, issue: Issue = session_credentials) -> int:
    """The longest of the LIFETIMES, in seconds, that the S3 server grants for credentials to `url`.

    Raises:
        EngineError: the server issues no credentials.
        StorageError: it doesn't respond.
    """
    refusal: Unsupported | None = None
    for seconds in LIFETIMES:
        try:
            issue(environ, {url: False}, seconds)
        except Unsupported as error:
            refusal = error
        else:
            return seconds
    raise EngineError(f"jobs can't get S3 credentials of their own: {refusal}") from refusal


class JobCredentials:
    """Issues S3 credentials to the Workflows of one namespace; `issue` requests them from the server."""

    def __init__(
        self,
        api: client.ApiClient,
        namespace: str,
        environ: Mapping[str, str] = os.environ,
        issue: Issue = session_credentials,
    ) -> None:
        self._calls = client.CoreV1Api(api)
        self._namespace = namespace
        self._environ = environ
        self._issue = issue

    def issue(self, plan: PlannedJob, seconds: int) -> dict[str, str]:
        """Credentials for the job's S3 areas, valid for `seconds`, as AWS's variables; none if it has no such areas.

        Raises:
            Refused: S3's policies can't express an area.
            EngineError: the S3 server doesn't respond, or issues none.
        """
        areas = {area.url: area.is_writable for area in minimal(plan.areas or ()) if area.is_in_s3}
        try:
            return self._issue(self._environ, areas, seconds) if areas else {}
        except InvalidKey as error:
            raise Refused(str(error)) from error
        except StorageError as error:
            raise EngineError(f"the job gets no S3 credentials of its own: {error}") from error

    def hand_out(self, plan: PlannedJob, handle: Handle, credentials: Mapping[str, str]) -> None:
        """Create the job's Secret, owned by its Workflow; replaces an existing one.

        Raises:
            EngineError: the Kubernetes API refuses.
        """
        labels = {JOB_LABEL: plan.conf.id}
        owner = client.V1OwnerReference(
            api_version=API_VERSION, kind="Workflow", name=handle.name, uid=handle.uid, block_owner_deletion=False
        )
        metadata = client.V1ObjectMeta(name=credentials_name(plan), labels=labels, owner_references=[owner])
        self._write(client.V1Secret(metadata=metadata, string_data=dict(credentials)))

    def _write(self, secret: client.V1Secret) -> None:
        """Create the Secret, or replace an earlier Workflow's: the service has no right to read or change Secrets."""
        where: dict[str, Any] = {"namespace": self._namespace, "_request_timeout": (CONNECT_SECONDS, READ_SECONDS)}
        name = (secret.metadata and secret.metadata.name) or ""
        try:
            with explained("create Secrets", self._namespace):
                self._calls.create_namespaced_secret(body=secret, **where)
        except Taken:
            with explained("replace Secrets", self._namespace):
                self._calls.delete_namespaced_secret(name=name, **where)
                self._calls.create_namespaced_secret(body=secret, **where)
