"""`fanfold render` of Workflows that plan themselves: what can be seen of the data plays no part."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fanfold.builtin.wordcount import job as wordcount
from fanfold.terminal.errors import Exit
from fanfold.verbs.render import render

PLACES = ["--input", "s3://texts/", "--output", "s3://counts/"]
S3 = ["--s3-secret", "fanfold-s3"]


def call(*words: str, job: str = "wordcount") -> Result:
    return CliRunner().invoke(render, [job, *words])


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return list(yaml.safe_load_all(result.stdout))


def test_planned_later_it_is_what_python_gives():
    result = call("--plan", "later", *PLACES, *S3, "--workers", "4", "--partitions", "2")
    job = wordcount.workflow("s3://texts/", "s3://counts/", s3_secret="fanfold-s3", workers=4, partitions=2)
    assert result.stdout == job.to_yaml(allow_unicode=True)


def test_a_template_needs_no_places():
    (template,) = objects(call("--template", "word-counts", *S3))
    assert (template["kind"], template["metadata"]["name"]) == ("WorkflowTemplate", "word-counts")
    parameters = template["spec"]["arguments"]["parameters"]
    assert parameters == [
        {"name": "input"},
        {"name": "output"},
        {"name": "partitions", "value": "auto"},
        {"name": "workers", "value": "1"},
    ]


def test_a_cron_workflow_beside_a_template_refers_to_it(tmp_path: Path):
    output = "s3://counts/{{workflow.scheduledTime}}/"
    words = ["--template", "counts", "--cron", "0 3 * * *", "--name", "nightly", "--timezone", "Europe/Berlin"]
    result = call(*words, "--input", "s3://texts/", "--output", output, *S3, "--output-dir", str(tmp_path / "deploy"))
    assert result.exit_code == 0, result.output
    files = [tmp_path / "deploy/workflowtemplate-counts.yaml", tmp_path / "deploy/cronworkflow-nightly.yaml"]
    assert result.stdout.split() == [str(file) for file in files]
    template, cron = (yaml.safe_load(file.read_text()) for file in files)
    assert template["kind"] == "WorkflowTemplate"
    assert cron["spec"]["workflowSpec"]["workflowTemplateRef"] == {"name": "counts"}
    assert "templates" not in cron["spec"]["workflowSpec"]
    assert cron["spec"]["schedules"] == ["0 3 * * *"]
    assert cron["spec"]["timezone"] == "Europe/Berlin"
    before = [file.read_bytes() for file in files]
    call(*words, "--input", "s3://texts/", "--output", output, *S3, "--output-dir", str(tmp_path / "deploy"))
    assert [file.read_bytes() for file in files] == before


def test_parameters_of_the_job_are_those_of_the_template():
    (template,) = objects(call("--template", "top", *S3, "--param", "k=3", job="topk"))
    parameters = {one["name"]: one.get("value") for one in template["spec"]["arguments"]["parameters"]}
    assert parameters["k"] == "3"


REFUSED = {
    "a schedule of four fields": (["--cron", "0 3 * *"], "must have five fields"),
    "an output that is the same every night": (["--cron", "0 3 * * *"], "every run would write to the same output"),
    "a zone that isn't one": (["--cron", "0 3 * * *", "--timezone", "Mars/Base"], "there is no time zone 'Mars/Base'"),
    "a name that Kubernetes refuses": (["--template", "Word_Counts"], "such as word-counts"),
    "a place that pods can't reach": (["--plan", "later", "--input", "texts/"], "lies on a disk that pods can't reach"),
    "a variable in a path": (["--plan", "later", "--input", "texts/{{x}}"], "so it must be a URL"),
    "half a variable": (["--plan", "later", "--input", "s3://b/{{a,b},c}/"], "which Argo would treat as a variable"),
    "a parameter that the job hasn't": (["--plan", "later", "--param", "x=1"], "takes no parameters"),
    "too many workers": (["--plan", "later", "--workers", "500"], "workers must be between 1 and 400"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_not_work_is_refused(what):
    words, why = REFUSED[what]
    places = [] if "--input" in words else PLACES[:2]
    result = call(*words, *places, *PLACES[2:], *S3)
    assert result.exit_code == Exit.REFUSED, result.output
    assert why in result.output


def test_a_default_that_the_jobs_model_refuses_is_refused():
    result = call("--template", "top", *S3, "--param", "k=few", job="topk")
    assert result.exit_code == Exit.REFUSED
    assert "k" in result.output


CONTRADICTIONS = {
    "--write": ["--template", "t", "--write"],
    "--plan now": ["--template", "t", "--plan", "now"],
    "--timezone": [*PLACES, "--timezone", "Europe/Berlin"],
    "--name": ["--template", "t", "--name", "n"],
    "--bundles": [*PLACES, "--bundles", "s3://code/"],
    "'--input'": ["--output", "s3://counts/"],
    "'--output'": ["--cron", "0 3 * * *", "--input", "s3://texts/"],
}


@pytest.mark.parametrize("option", CONTRADICTIONS)
def test_options_that_contradict_each_other(option):
    result = call(*CONTRADICTIONS[option])
    assert result.exit_code == 2
    assert option in result.output
