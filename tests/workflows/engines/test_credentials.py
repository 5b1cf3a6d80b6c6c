"""A job's own S3 credentials: what they are issued for, and where they lie."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from kubernetes import client

from fanfold.engines.argo.credentials import LIFETIMES, JobCredentials, longest_lifetime
from fanfold.engines.argo.engine import ArgoEngine
from fanfold.engines.protocol import EngineError, Handle
from fanfold.errors import Refused
from fanfold.planning.areas import Area
from fanfold.planning.planner import PlannedJob
from fanfold_storage.errors import Unavailable, Unsupported
from tests.workflows.engines.kubernetes_stand_in import StandIn
from tests.workflows.engines.test_workflow import FAN_OUT, S3_PER_JOB, isolated, plan_of

PLAN = isolated(plan_of(FAN_OUT, "s3://fanfold"), "s3://fanfold")
HANDLE = Handle("fanfold", "fanfold-0k3c9v5r2m8x7q1d4f6h", "uid-1")
SECRET = f"{HANDLE.name}-s3"


def credentials(api_client: client.ApiClient, issue: "Issued") -> JobCredentials:
    return JobCredentials(api_client, "fanfold", {}, issue)


def handed_out(api_client: client.ApiClient, issue: "Issued", handle: Handle) -> None:
    issuer = credentials(api_client, issue)
    issuer.hand_out(PLAN, handle, issuer.issue(PLAN, 7200))


class Issued:
    """Counts what it is asked for; credentials of more than `longest` seconds are refused."""

    def __init__(self, longest: int = 10**6) -> None:
        self.asked: list[tuple[Mapping[str, bool], int]] = []
        self.longest = longest

    def __call__(self, environ: Mapping[str, str], places: Mapping[str, bool], seconds: int) -> dict[str, str]:
        self.asked.append((places, seconds))
        if seconds > self.longest:
            raise Unsupported("the server issues no such credentials")
        return {"AWS_ACCESS_KEY_ID": f"key {len(self.asked)}"}


@pytest.mark.thorough
def test_the_workflows_secret_reaches_what_the_job_may(api: StandIn, api_client: client.ApiClient) -> None:
    issue = Issued()
    handed_out(api_client, issue, HANDLE)
    assert issue.asked == [
        (
            {
                f"s3://fanfold/bundles/{'b' * 64}.zip": False,
                "s3://fanfold/files/@shared/": False,
                "s3://fanfold/files/ann/": True,
                "s3://fanfold/jobs/0k3c9v5r2m8x7q1d4f6h/": True,
            },
            7200,
        )
    ]
    secret = api.secrets[SECRET]
    assert secret["stringData"] == {"AWS_ACCESS_KEY_ID": "key 1"}
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Workflow", HANDLE.name, "uid-1")


def test_a_later_workflow_gets_credentials_of_its_own(api: StandIn, api_client: client.ApiClient) -> None:
    issue = Issued()
    handed_out(api_client, issue, HANDLE)
    handed_out(api_client, issue, replace(HANDLE, uid="uid-2"))
    assert api.secrets[SECRET]["stringData"] == {"AWS_ACCESS_KEY_ID": "key 2"}
    assert api.secrets[SECRET]["metadata"]["ownerReferences"][0]["uid"] == "uid-2"
    assert not [request for request in api.requests if request.startswith("GET")]


@pytest.mark.parametrize("plan", [isolated(plan_of(FAN_OUT)), plan_of(FAN_OUT, "s3://fanfold")])
def test_a_job_that_reaches_nothing_in_s3_gets_none(api_client: client.ApiClient, plan: PlannedJob) -> None:
    issue = Issued()
    assert credentials(api_client, issue).issue(plan, 7200) == {}
    assert issue.asked == []


def test_without_credentials_the_job_waits(api_client: client.ApiClient) -> None:
    with pytest.raises(EngineError, match="no S3 credentials of its own: the server issues no such"):
        credentials(api_client, Issued(longest=0)).issue(PLAN, 7200)


def test_what_no_policy_can_say_ends_the_job_before_it_has_pods(api: StandIn, api_client: client.ApiClient) -> None:
    """Trying again would change nothing, and pods would wait for their Secret."""
    plan = replace(PLAN, areas=(Area("s3://lake/$x/", is_writable=True),))
    engine = ArgoEngine(S3_PER_JOB, api_client)
    with pytest.raises(Refused, match=r"s3://lake/\$x/ contains .* rename it"):
        engine.submit(plan)
    assert (api.workflows, api.secrets) == ({}, {})
    engine.close()


@pytest.mark.parametrize("longest", [10**6, 12 * 3600, 3600])
def test_credentials_live_as_long_as_the_server_allows(longest: int) -> None:
    assert longest_lifetime("s3://fanfold/", {}, Issued(longest)) == max(life for life in LIFETIMES if life <= longest)


def test_a_server_without_sts_is_told_from_one_that_is_away() -> None:
    with pytest.raises(EngineError, match="jobs can't get S3 credentials of their own: the server issues no such"):
        longest_lifetime("s3://fanfold/", {}, Issued(longest=0))

    def away(*_: object) -> dict[str, str]:
        raise Unavailable("no response")

    with pytest.raises(Unavailable):
        longest_lifetime("s3://fanfold/", {}, away)
