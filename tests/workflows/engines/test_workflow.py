"""The Workflows that plans become, compared with golden files.

FANFOLD_WRITE_GOLDEN=1 writes the files anew: look at the difference before committing it.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hera.workflows import Workflow

from fanfold.engines.argo.workflow import PodSettings, build
from fanfold.errors import Refused
from fanfold.planning.areas import Area
from fanfold.planning.planner import PlannedJob
from fanfold_steps.job.resources import Resources, Toleration
from fanfold_steps.job.spec import Aggregate, Function, JobConf, JobSpec, Program, StageSpec

GOLDEN = Path(__file__).parent / "golden"
CLAIM = PodSettings("fanfold", "fanfold-steps:1.0", claim="fanfold-data")
S3 = PodSettings(
    "fanfold", "fanfold-steps:1.0", s3_secret="fanfold-s3", s3_endpoint="http://minio:9000", s3_region="us-east-1"
)
S3_PER_JOB = replace(S3, s3_secret=None, has_s3_per_job=True, deadline=3600)
FAN_OUT = {"split": 1, "map": 4, "reduce": 2}


def plan_of(workers: dict[str, int], base: str = "file:///data", owner: str = "ann", job: str = "0k3c9v5r2m8x7q1d4f6h"):
    spec = JobSpec(name="wordcount", stages=[StageSpec(Function("fanfold.builtin.wordcount:words"), Aggregate("Sum"))])
    conf = JobConf(
        id=job,
        spec=spec,
        inputs=[f"{base}/files/ann/texts/"],
        output=f"{base}/files/ann/counts/",
        partitions=2,
        split_size=1 << 20,
        workers=workers,
        inputs_digest="0" * 64,
    )
    return PlannedJob(conf, f"{base}/jobs/{job}/", owner)


def isolated(plan: PlannedJob, base: str = "file:///data") -> PlannedJob:
    """The plan of a service's job: its owner's files, the shared ones, its tree and its code."""
    areas = [
        Area(f"{base}/files/ann/", is_writable=True),
        Area(f"{base}/files/@shared/"),
        Area(plan.job_url, is_writable=True),
        Area(f"{base}/bundles/{'b' * 64}.zip"),
        Area(f"{base}/files/ann/counts/", is_writable=True),
    ]
    return replace(plan, areas=tuple(areas))


EVERYTHING = Resources(
    cpu=2.5,
    memory="4GiB",
    ephemeral_storage="20GB",
    node_selector={"kubernetes.io/arch": "amd64"},
    tolerations=[Toleration("gpu", "yes", "NoSchedule"), Toleration("spot")],
    priority="batch",
    env={"MODEL": "small"},
    secrets={"TOKEN": "my-secret/token"},
    deadline=90.5,
    retries=1,
)


def asking(plan: PlannedJob, job: Resources | None, later: Resources | None = None) -> PlannedJob:
    """The plan of a job that asks for resources, with a second stage that may ask for others."""
    spec = plan.conf.spec
    stages = [*spec.stages, *([StageSpec(reduce=Aggregate("Sum"), resources=later)] if later else [])]
    image = "registry.example.org/team/steps:3" if job else None
    return replace(plan, conf=replace(plan.conf, spec=replace(spec, stages=stages, resources=job, image=image)))


GOLDEN_WORKFLOWS = {
    "one-pod": lambda: build(plan_of({"all": 1}), CLAIM),
    "fan-out-claim": lambda: build(plan_of(FAN_OUT), CLAIM),
    "fan-out-s3": lambda: build(plan_of(FAN_OUT, "s3://fanfold"), S3),
    "isolated-claim": lambda: build(isolated(plan_of(FAN_OUT)), CLAIM),
    "isolated-s3": lambda: build(isolated(plan_of(FAN_OUT, "s3://fanfold"), "s3://fanfold"), S3_PER_JOB),
    "resources": lambda: build(asking(plan_of(FAN_OUT), EVERYTHING), CLAIM),
    "stages-apart": lambda: build(asking(plan_of({"stage-0": 4, "stage-1": 2}), None, Resources(memory="4GiB")), CLAIM),
    "in-order": lambda: build(plan_of(FAN_OUT), CLAIM, in_order=True),
}


@pytest.mark.parametrize("name", GOLDEN_WORKFLOWS)
def test_a_plan_becomes_the_workflow_of_the_golden_file(name, monkeypatch):
    monkeypatch.setattr(PlannedJob, "fingerprint", "f1" * 32)  # it follows from all that a spec holds, which grows
    workflow = GOLDEN_WORKFLOWS[name]()
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("FANFOLD_WRITE_GOLDEN"):
        file.write_text(workflow.to_yaml(allow_unicode=True))
    assert workflow.to_yaml(allow_unicode=True) == file.read_text()
    assert yaml.safe_load(file.read_text()) == workflow.to_dict()


def test_a_pod_that_does_several_stages_has_the_time_of_all_of_them():
    each, job = Resources(deadline=600), Resources(deadline=900)
    plan = plan_of(FAN_OUT)
    stages = [replace(plan.conf.spec.stages[0], resources=each)] * 3
    for given, seconds in ((None, 1800 + 60), (job, 900 + 60)):
        spec = replace(plan.conf.spec, stages=stages, resources=given)
        workflow = build(replace(plan, conf=replace(plan.conf, spec=spec)), CLAIM)
        assert worker_of(workflow)["activeDeadlineSeconds"] == seconds


def test_every_golden_file_is_compared():
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(GOLDEN_WORKFLOWS)


def worker_of(workflow: Workflow) -> dict[str, Any]:
    templates = workflow.to_dict()["spec"]["templates"]
    return next(template for template in templates if template["name"] == "worker")


def test_pods_meet_the_restricted_standard():
    workflow = build(plan_of(FAN_OUT), CLAIM)
    pod = workflow.to_dict()["spec"]["securityContext"]
    container = worker_of(workflow)["container"]["securityContext"]
    assert pod["runAsNonRoot"]
    assert pod["runAsUser"] > 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_the_jobs_code_finds_no_token():
    mounts = {
        mount["mountPath"]: mount for mount in worker_of(build(plan_of(FAN_OUT), CLAIM))["container"]["volumeMounts"]
    }
    lid = mounts["/var/run/secrets/kubernetes.io/serviceaccount"]
    volumes = {volume["name"]: volume for volume in worker_of(build(plan_of(FAN_OUT), CLAIM))["volumes"]}
    assert volumes[lid["name"]]["emptyDir"] == {}


HOSTILE = "a\n  hostPID: true\u2028'\"}] # \x85 &a *a !!python/object"
TEMPLATE = "{{workflow.name}}{{=sprig.env('PATH')}}"


def test_nothing_that_a_user_wrote_becomes_part_of_the_workflow():
    """What Argo would fill in, and what YAML would read as more than text."""
    plan = plan_of(FAN_OUT)
    both = HOSTILE + TEMPLATE
    spec = replace(plan.conf.spec, name=HOSTILE, stages=[StageSpec(Function("m:f"), Program(both, {"HOSTILE": both}))])
    inputs = [f"file:///data/files/ann/{quote(HOSTILE)}/"]
    conf = replace(plan.conf, spec=spec, inputs=inputs, output=inputs[0], params={both: both})
    hostile = build(replace(plan, conf=conf, owner=HOSTILE), CLAIM)
    plain = build(plan, CLAIM)
    text = hostile.to_yaml(allow_unicode=True)
    assert yaml.safe_load(text) == hostile.to_dict(), "YAML reads what was written"
    for workflow in (hostile, plain):  # apart from words for people and the labels, they are one Workflow
        del workflow.annotations, workflow.labels, workflow.pod_metadata
    assert hostile.to_dict() == plain.to_dict()
    assert "{{workflow" not in text and "{{=" not in text
    with pytest.raises(Refused, match="which Argo would treat as a variable"):
        build(replace(plan, conf=replace(conf, inputs=[f"file:///data/files/ann/{TEMPLATE}/"])), CLAIM)


def test_the_size_does_not_follow_the_number_of_pods():
    few = len(json.dumps(build(plan_of({"split": 1, "map": 2, "reduce": 2}), CLAIM).to_dict()))
    many = len(json.dumps(build(plan_of({"split": 1, "map": 800, "reduce": 800}), CLAIM).to_dict()))
    assert many - few <= 10


def test_workers_that_all_do_everything_share_one_sequence():
    steps = build(plan_of({"all": 3}), CLAIM).to_dict()["spec"]["templates"][0]
    (task,) = steps["dag"]["tasks"]
    assert task["withSequence"] == {"count": "3"}
    assert task["arguments"]["parameters"][0] == {"name": "step", "value": "all"}


def test_maps_start_before_reducers_in_whatever_order_the_plan_names_them():
    steps = build(plan_of({"reduce": 2, "map": 4, "split": 1}), CLAIM).to_dict()["spec"]["templates"][0]
    assert steps["dag"]["target"] == "split map reduce"


def test_names_fit():
    workflow = build(plan_of(FAN_OUT, job="z" * 20), CLAIM).to_dict()
    assert len(workflow["metadata"]["name"]) <= 63
    assert all(len(value) <= 63 for value in workflow["metadata"]["labels"].values())


@pytest.mark.parametrize(
    ("owner", "label"),
    [("ann", "ann"), ("ann@example.org", "ann-example.org"), ("-née.", "n-e"), ("x" * 70, "x" * 63)],
)
def test_any_owner_makes_a_label(owner, label):
    metadata = build(plan_of(FAN_OUT, owner=owner), CLAIM).to_dict()["metadata"]
    assert metadata["labels"]["fanfold.dev/owner"] == label
    assert metadata["annotations"]["workflows.argoproj.io/title"] == f"wordcount ({owner})"


@pytest.mark.parametrize(
    ("base", "pods", "words"),
    [
        ("file:///data", S3, "lies on a disk that pods can't reach"),
        ("file:///database", CLAIM, r"is not on the claim fanfold-data, which is mounted at /data"),
        ("s3://fanfold", CLAIM, "lies in S3, but the pods have no credentials"),
        ("file:///data/{{workflow.name}}", CLAIM, "treat as a variable"),
    ],
)
def test_a_place_that_pods_would_not_see_is_refused(base, pods, words):
    with pytest.raises(Refused, match=words):
        build(plan_of(FAN_OUT, base), pods)
