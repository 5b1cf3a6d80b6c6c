"""What a job may ask for is checked in the same words, whether it is written in Python or as JSON."""

import json
from typing import Any, cast

import pytest

from fanfold import InvalidJob, Job, Resources, Stage, Sum, Toleration
from fanfold.rules import spec
from fanfold_steps.job.spec import spec_from_json
from tests.steps import functions

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"cpu": 0}, "resources.cpu: must be a number of cores from 0.01 to 1,024, not 0"),
    ({"cpu": 2000.0}, "resources.cpu: must be a number of cores"),
    ({"memory": "4 sticks"}, "resources.memory: must be a quantity of at least 64Mi, such as '4Gi', not '4 sticks'"),
    ({"memory": "1Mi"}, "resources.memory: must be a quantity of at least 64Mi"),
    ({"memory": "9" * 400 + "Gi"}, "resources.memory: must be a quantity of at least 64Mi"),
    ({"memory": "٤Gi"}, "resources.memory: must be a quantity of at least 64Mi"),
    ({"memory": "1025TiB"}, "resources.memory: must be a quantity of at most 1024Ti, not '1025TiB'"),
    ({"ephemeral_storage": "999999999999999T"}, "resources.ephemeral_storage: must be a quantity of at most 1024Ti"),
    ({"ephemeral_storage": "iB"}, "resources.ephemeral_storage: must be a quantity, such as '4Gi'"),
    ({"retries": -1}, "resources.retries: must be a number from 0 to 20, not -1"),
    ({"deadline": 0}, "resources.deadline: must be a number of seconds"),
    ({"priority": "Very High"}, "resources.priority: must be the name of a PriorityClass, not 'Very High'"),
    ({"node_selector": {"a b": "c"}}, "resources.node_selector: Kubernetes knows no label 'a b' with the value 'c'"),
    ({"tolerations": [Toleration("gpu\n")]}, "resources.tolerations: Kubernetes knows no taint"),
    ({"env": {"1A": "x"}}, "resources.env: '1A' can't be the name of an environment variable"),
    ({"env": {"AWS_SECRET_ACCESS_KEY": "x"}}, "resources.env: AWS_SECRET_ACCESS_KEY is a variable that Fanfold sets"),
    ({"env": {"FANFOLD_REPORT": "x"}}, "resources.env: FANFOLD_REPORT is a variable that Fanfold sets itself"),
    ({"env": {"A": "{{workflow.name}}"}}, "resources.env: A must be a string"),
    ({"env": {str(n): "" for n in range(101)}}, "resources.env: must map names of environment variables to strings"),
    ({"env": {"A": "x" * 32000, "B": "x" * 32000, "C": "x" * 2000}}, "resources.env: all values together have at most"),
    ({"secrets": {"TOKEN": "my-secret"}}, "resources.secrets: TOKEN must name a Secret and its key"),
    ({"secrets": {"TOKEN": "../kube/x"}}, "resources.secrets: TOKEN must name a Secret and its key"),
    ({"secrets": {"A": "s/k"}, "env": {"A": ""}}, "resources.secrets: A is in `env`, too"),
]


def in_json(asked: dict[str, Any], *, of_stage: bool) -> str:
    data = json.loads(spec.to_json(Job(map=functions.pairs, reduce=Sum(), resources=Resources()).spec()))
    tolerations = [{"key": one.key} for one in asked.get("tolerations", [])]
    data["resources"].update(asked | ({"tolerations": tolerations} if tolerations else {}))
    if of_stage:
        data["stages"][0]["resources"] = data.pop("resources")
    with pytest.raises(spec.InvalidSpec) as refusal:
        spec.parse(data)
    return str(refusal.value)


@pytest.mark.parametrize(("asked", "words"), WRONG)
def test_what_pods_cant_be_given_is_refused(asked, words):
    with pytest.raises(InvalidJob) as refusal:
        Job(map=functions.pairs, reduce=Sum(), resources=Resources(**asked))
    assert str(refusal.value).startswith(words)
    assert words in in_json(asked, of_stage=False)
    with pytest.raises(InvalidJob) as refusal:
        Stage(map=functions.pairs, reduce=Sum(), resources=Resources(**asked))
    assert str(refusal.value).startswith(words)
    assert f"stages.0.{words}" in in_json(asked, of_stage=True)


@pytest.mark.parametrize(
    "asked",
    [{"memory": 4}, {"cpu": "two"}, {"cpu": True}, {"env": ["A"]}, {"env": {"A": 1}}, {"tolerations": ["gpu"]},
     {"tolerations": [Toleration(cast(Any, 3))]}, {"retries": 1.5}, {"node_selector": {"a": 1}}],
)  # fmt: skip
def test_values_of_other_types_are_refused_in_python_too(asked):
    with pytest.raises(InvalidJob, match=f"resources.{next(iter(asked))}"):
        Job(map=functions.pairs, resources=Resources(**asked))


def test_other_objects_and_images_are_refused():
    with pytest.raises(InvalidJob, match=r"resources must be Resources\(cpu=2"):
        Job(map=functions.pairs, resources=cast(Any, {"cpu": 2}))
    with pytest.raises(InvalidJob, match="image: must be an image's name"):
        Job(map=functions.pairs, image="my image")
    with pytest.raises(TypeError, match=r"no argument `mem`: did you mean `memory`\?"):
        cast(Any, Resources)(mem="4Gi")


def test_everything_that_is_asked_for_reaches_the_workers():
    asked = Resources(2, "4Gi", "1Gi", {"a": "b"}, [Toleration("gpu", "x", "NoExecute")], "high", {"A": "1"})
    job = Job(stages=[Stage(map=functions.pairs, reduce=Sum(), resources=asked)], resources=asked, image="steps:2")
    compiled = job.spec()
    parsed = spec.parse(json.loads(spec.to_json(compiled)))
    assert parsed == compiled == spec_from_json(json.loads(spec.to_json(compiled)))


def test_a_stage_says_what_differs_from_the_job():
    of_job = Resources(cpu=1, memory="1Gi", env={"A": "1", "B": "1"}, deadline=60, retries=1)
    of_stage = Resources(memory="4Gi", env={"B": "2"}, deadline=5)
    assert of_stage.over(of_job) == Resources(1, "4Gi", env={"A": "1", "B": "2"}, deadline=5, retries=1)
    assert Resources().over(of_job).deadline is None  # which holds for the job as a whole
