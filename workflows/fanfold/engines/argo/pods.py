"""What a job's pods are given: an image, a service account with minimal rights, and access to the data."""

from collections.abc import Iterator
from dataclasses import dataclass

from fanfold.errors import Refused
from fanfold.planning.planner import PlannedJob


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Where pods run, and what they are given. Data lies on a claim's volume (`file://`), in S3 (`s3://`), or both."""

    namespace: str
    image: str
    """The steps image, or an image built from it."""
    service_account: str = "fanfold-steps"
    """Needs `create` and `patch` on `workflowtaskresults`, for Argo's executor; the job's code gets no token."""
    claim: str | None = None
    """A PersistentVolumeClaim that many pods can write to (ReadWriteMany), mounted at `mount`."""
    mount: str = "/data"
    s3_secret: str | None = None
    """A Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which all jobs share."""
    has_s3_per_job: bool = False
    """Whether each job gets S3 credentials of its own, in a Secret of its own."""
    s3_endpoint: str | None = None
    """The URL of the S3 server, as pods see it; None means AWS."""
    s3_region: str | None = None
    cpu_request: str = "100m"
    cpu_limit: str = "1"
    memory_request: str = "128Mi"
    memory_limit: str = "1Gi"
    deadline: int = 24 * 3600
    """Seconds after which Argo ends a Workflow; the job is then dispatched again, and resumes from its tree."""


def check_access(plan: PlannedJob, pods: PodSettings) -> None:
    """Check that the pods can reach every place that the plan names.

    Raises:
        Refused: a place lies on none of their volumes, or in a bucket for which they have no credentials.
    """
    for what, url in _places(plan):
        if "{{" in url:
            raise Refused(f"{what} {url} contains '{{{{', which Argo would treat as a variable: rename it")
        check_place(what, url, pods)


def check_place(what: str, url: str, pods: PodSettings) -> None:
    """Check that the pods can reach a place. Raises Refused."""
    if url.startswith("s3://"):
        if pods.s3_secret is None and not pods.has_s3_per_job:
            mend = "name their Secret (--s3-secret, in Python s3_secret=…)"
            raise Refused(f"{what} {url} lies in S3, but the pods have no credentials: {mend}")
    elif pods.claim is None:
        raise Refused(f"{what} {url} lies on a disk that pods can't reach: use s3://…, or name its claim with --claim")
    elif not f"{url}/".startswith(f"file://{pods.mount}/"):
        raise Refused(
            f"{what} {url} is not on the claim {pods.claim}, which is mounted at {pods.mount} in the pods: "
            f"use a path like file://{pods.mount}/…"
        )


def _places(plan: PlannedJob) -> Iterator[tuple[str, str]]:
    for url in plan.conf.input_urls:
        yield "the input", url
    yield "the output", plan.conf.output
    yield "the job's tree", plan.job_url
    if plan.conf.bundle_url:
        yield "the code bundle", plan.conf.bundle_url
