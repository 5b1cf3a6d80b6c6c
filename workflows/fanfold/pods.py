"""What a job's pods are given: an image, an account with next to no rights, and the places that hold the data."""

from collections.abc import Iterator
from dataclasses import dataclass

from fanfold.planner import PlannedJob, Refused


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Where pods run and what they are given. Data lies on a claim's volume (`file://`), in S3 (`s3://`) or in both."""

    namespace: str
    image: str
    """The steps image, or one made from it."""
    service_account: str = "fanfold-steps"
    """Needs `create` and `patch` on `workflowtaskresults`, for Argo's executor; the job's code gets no token."""
    claim: str | None = None
    """A PersistentVolumeClaim that many pods may write (ReadWriteMany), mounted at `mount`."""
    mount: str = "/data"
    s3_secret: str | None = None
    """A Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""
    s3_endpoint: str | None = None
    """URL of the S3 server as pods reach it; None is AWS itself."""
    s3_region: str | None = None
    cpu_request: str = "100m"
    cpu_limit: str = "1"
    memory_request: str = "128Mi"
    memory_limit: str = "1Gi"


def refuse_unseen(plan: PlannedJob, pods: PodSettings) -> None:
    """Make sure that the pods see every place that the plan names.

    Raises:
        Refused: a place on no volume of theirs, or in a bucket that they have no key for.
    """
    for what, url in _places(plan):
        if "{{" in url:
            raise Refused(f"{what} {url} holds '{{{{', which Argo would take for a variable: rename it")
        if url.startswith("s3://"):
            if pods.s3_secret is None:
                raise Refused(f"{what} {url} lies in S3, but the pods have no key: name the Secret that holds it")
        elif pods.claim is None:
            raise Refused(f"{what} {url} lies on a disk that pods don't see: use s3://…, or name a claim that holds it")
        elif not f"{url}/".startswith(f"file://{pods.mount}/"):
            raise Refused(
                f"{what} {url} is not on the claim {pods.claim}, which pods see at {pods.mount}: "
                f"write it as file://{pods.mount}/…"
            )


def _places(plan: PlannedJob) -> Iterator[tuple[str, str]]:
    for url in plan.conf.input_urls:
        yield "the input", url
    yield "the output", plan.conf.output
    yield "the job's tree", plan.job_url
    if plan.conf.bundle_url:
        yield "the code bundle", plan.conf.bundle_url
