"""What Workflows that plan themselves look like, and what is refused when they are written."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hera.workflows import DAG, Workflow

from fanfold.builtin.wordcount import job as wordcount
from fanfold.definitions.options import PodOptions
from fanfold.errors import Refused
from fanfold_steps.definition.definition import VARIABLE, Definition
from tests.workflows.definitions.variants import APART, JOBS, NAMED, PARAMETERS, PLACES, S3, VARIANTS


def templates(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """The templates by name, each of which there is only one of."""
    spec = workflow.to_dict()["spec"]
    found = spec.get("workflowSpec", spec)["templates"]
    assert len({template["name"] for template in found}) == len(found)
    return {template["name"]: template for template in found}


def parameters(workflow: Workflow) -> dict[str, str | None]:
    return {one["name"]: one.get("value") for one in workflow.to_dict()["spec"]["arguments"]["parameters"]}


def definition(template: dict[str, Any]) -> Definition:
    variables = {one["name"]: one.get("value") for one in template["container"]["env"]}
    return Definition.from_text(variables[VARIABLE])


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_pod_keeps_to_the_restricted_standard_whatever_workflow_it_is_in(variant: str) -> None:
    for template in templates(VARIANTS[variant]()).values():
        if "container" not in template:
            continue
        assert template["securityContext"]["runAsNonRoot"]
        assert template["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert template["container"]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert template["serviceAccountName"] == "fanfold-steps"


@pytest.mark.parametrize("variant", VARIANTS)
def test_rendering_twice_gives_the_same_bytes(variant: str) -> None:
    assert VARIANTS[variant]().to_yaml() == VARIANTS[variant]().to_yaml()


def test_four_hundred_workers_take_no_more_room_than_four() -> None:
    large = wordcount.workflow(*PLACES, workers=400, split_size=1024, **S3).to_yaml()
    assert len(large) < 16 << 10
    assert len(large) - len(wordcount.workflow(*PLACES, workers=4, split_size=1024, **S3).to_yaml()) < 20


def test_in_order_each_step_waits_for_the_one_before() -> None:
    tasks = templates(VARIANTS["in order"]())["wordcount"]["dag"]["tasks"]
    assert [(task["name"], task.get("depends")) for task in tasks] == [
        ("split", None),
        ("map", "split"),
        ("reduce", "map"),
    ]
    assert "workers" not in parameters(VARIANTS["in order"]())


def test_stages_that_differ_have_pods_of_their_own() -> None:
    found = templates(APART.workflow(*PLACES, workers=3, name="apart", **S3))
    (entry,) = [template for template in found.values() if "dag" in template]
    assert [
        (task["name"], task["template"].rpartition("-")[2], task.get("depends")) for task in entry["dag"]["tasks"]
    ] == [
        ("stage-0", "0", None),
        ("stage-1", "1", "stage-0"),
    ]
    memory = [
        template["container"]["resources"]["limits"]["memory"] for template in found.values() if "container" in template
    ]
    assert memory == ["1Gi", "4Gi"]


def test_a_templates_parameters_are_the_jobs() -> None:
    assert parameters(PARAMETERS.workflow_template("t", **S3)) == {
        "input": None,
        "output": None,
        "partitions": "auto",
        "workers": "1",
        "param-output": None,
        "least": "3",
        "share": "",
        "words": "",
        "loud": "false",
    }
    given = PARAMETERS.workflow_template("t", params={"words": ["a", "b"], "output": "x"}, workers=3, **S3)
    assert parameters(given) | {"input": None} == {
        **parameters(given),
        "words": '["a", "b"]',
        "param-output": "x",
        "workers": "3",
        "input": None,
    }
    worker = list(templates(given).values())[-1]
    assert "--param=output={{inputs.parameters.param-output}}" in worker["container"]["args"]
    assert definition(worker).params["words"] == "json"


def test_named_inputs_have_parameters_of_their_own() -> None:
    workflow = NAMED.workflow({"orders": "s3://b/o", "users": ["s3://b/u", "s3://b/v"]}, PLACES[1], **S3)
    assert list(parameters(workflow).items())[:2] == [
        ("input-users", "s3://b/u,s3://b/v"),
        ("input-orders", "s3://b/o"),
    ]
    (template,) = templates(workflow).values()
    assert "--input=users={{inputs.parameters.input-users}}" in template["container"]["args"]


def test_two_jobs_in_one_workflow_have_templates_of_their_own() -> None:
    with Workflow(name="both", entrypoint="main") as workflow, DAG(name="main"):
        first = wordcount.task("first", input=PLACES[0], output="s3://one/", workers=2, **S3)
        wordcount.task("second", input=first.output, output="s3://two/", **S3)
    assert first.output == "s3://one/"
    assert list(templates(workflow)) == ["main", "first", "first-worker", "second"]


def test_templates_alone_can_be_wired_by_hand() -> None:
    entry, worker = wordcount.templates("count", **S3)
    assert (entry.name, worker.name) == ("count", "count-worker")


CODE = JOBS.CODE
NOTHING: Any = None
REFUSED: dict[str, Any] = {
    "the pods need the job's code": lambda: CODE.workflow(*PLACES, s3_secret="s"),
    "lies in S3, but the pods have no credentials": lambda: wordcount.workflow(*PLACES),
    "is not on the claim": lambda: wordcount.workflow("file:///x/", "file:///data/", claim="data"),
    "is not a place that pods can reach": lambda: wordcount.workflow("texts/", "s3://b/", **S3),
    "is more than one place": lambda: wordcount.workflow("s3://b/a, s3://b/c", "s3://b/", **S3),
    "the input must be a URL, not None": lambda: wordcount.workflow(NOTHING, "s3://b/", **S3),
    "a template can't be called 'My Words'": lambda: wordcount.templates("My Words", **S3),
    "workers must be a number": lambda: wordcount.workflow(*PLACES, workers="some", **S3),
    "workers must be between 1 and 400": lambda: wordcount.workflow(*PLACES, workers=401, **S3),
    "partitions must be between 1 and 10,000": lambda: wordcount.workflow(*PLACES, partitions=0, **S3),
    "has no effect without a service's storage": lambda: wordcount.workflow(*PLACES, owner="ada", s3_secret="s"),
    "is not the id of a user": lambda: wordcount.workflow(
        *PLACES, owner="../ada", store="s3://fanfold/", s3_secret="s"
    ),
    "takes no parameters": lambda: wordcount.workflow(*PLACES, params={"k": 1}, **S3),
    "this job has no parameter 'k'": lambda: PARAMETERS.workflow_template("t", params={"k": 1}, **S3),
    "can't be called 'Words'": lambda: wordcount.workflow(*PLACES, name="Words", **S3),
    "the job has no input called": lambda: NAMED.workflow({"u": "s3://b/u"}, "s3://b/", **S3),
    "but the code is put there now": lambda: CODE.workflow(*PLACES, bundles="s3://b/{{item}}/", s3_secret="s"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_can_not_work_is_refused_when_it_is_written(why: str) -> None:
    with pytest.raises(Refused) as refusal:
        REFUSED[why]()
    assert why in str(refusal.value)


@pytest.mark.parametrize("method", ["workflow", "workflow_template", "cron_workflow", "task", "step", "templates"])
def test_an_option_that_does_not_exist_is_an_error(method: str) -> None:
    places = dict(zip(("input", "output"), PLACES, strict=True))
    names = {} if method == "workflow" else {"name": "words"}
    times = {"schedules": ["0 3 * * *"]} if method == "cron_workflow" else {}
    with pytest.raises(TypeError, match=rf"{method}\(\) takes no argument 'wrkers'; its options are image, "):
        getattr(wordcount, method)(**names, **places, **times, wrkers=3, **S3)


def test_code_is_put_where_the_pods_fetch_it_once(tmp_path: Path) -> None:
    options: PodOptions = {"claim": f"data:{tmp_path}", "bundles": f"file://{tmp_path}/code/"}
    places = f"file://{tmp_path}/in/", f"file://{tmp_path}/out/"
    (template,) = templates(CODE.workflow(*places, **options)).values()
    url = definition(template).bundle_url
    assert url
    (bundle,) = (tmp_path / "code").glob("*.zip")
    assert url == f"file://{bundle}"
    before = bundle.stat().st_mtime_ns
    CODE.workflow(*places, **options)
    assert bundle.stat().st_mtime_ns == before


def test_an_image_with_the_code_needs_no_bundle() -> None:
    (template,) = templates(CODE.workflow(*PLACES, **S3)).values()
    found = definition(template)
    assert (found.bundle_url, found.spec.bundle) == (None, None)
    assert found.spec.identities, "workers see whether the image has the same code"


def test_importing_fanfold_loads_no_hera() -> None:
    code = "import sys, fanfold; sys.exit('hera' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_spec_that_fits_into_no_pod_is_refused() -> None:
    with pytest.raises(Refused, match="more than the 120 that fit into a pod"):
        JOBS.LARGE.workflow(*PLACES, **S3)


def test_what_users_wrote_becomes_no_variable_of_argos() -> None:
    (template,) = templates(JOBS.HOSTILE.workflow(*PLACES, **S3)).values()
    text = json.dumps(template["container"]["env"])
    assert "{{" not in text
    assert definition(template).spec.name == "{{=sprig.env('PATH')}}"
