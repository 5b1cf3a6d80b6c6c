"""Workflows that plan themselves, run as Argo would: the bytes of `fanfold run`, whatever happens to them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hera.workflows import DAG, Container, Steps, Task, Workflow

from fanfold import Count, Job
from fanfold import program as program_of
from fanfold.builtin.topk import job as topk
from fanfold.builtin.wordcount import job as wordcount
from fanfold_steps.tree.job_tree import JobTree
from tests.workflows.definitions.argo_stand_in import ArgoStandIn

pytestmark = pytest.mark.thorough


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder that stands for the claim's volume; pods see it under the same path."""
    for day in ("mon", "tue"):
        (tmp_path / "logs" / day).mkdir(parents=True)
        lines = [f"{day} line {n} word {n % 17}\n" for n in range(4000)]
        (tmp_path / f"logs/{day}/a.txt").write_text("".join(lines))
    return tmp_path


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("part-*")}


def as_run(data: Path, place: Path, output: str, *words: str, job: str = "wordcount") -> dict[str, bytes]:
    """The parts that `fanfold run` writes."""
    command = [
        sys.executable,
        "-m",
        "fanfold_client",
        "run",
        job,
        "--input",
        str(place),
        "--output",
        str(data / output),
    ]
    subprocess.run([*command, *words, "--quiet"], check=True, timeout=60)
    return parts(data / output)


def options(data: Path, **more: Any) -> dict[str, Any]:
    return {"claim": f"shared:{data}", **more}


def url(data: Path, place: str) -> str:
    return f"file://{data}/{place}"


def test_one_pod_plans_and_does_all(data):
    workflow = wordcount.workflow(url(data, "logs/"), url(data, "counts/"), **options(data))
    argo = ArgoStandIn(workflow.to_dict())
    assert argo.run(), argo.printed
    assert argo.pods == ["wordcount all"]
    assert parts(data / "counts") == as_run(data, data / "logs", "here")


@pytest.mark.parametrize("in_order", [False, True])
def test_pods_of_every_step_have_the_bytes_of_a_run(data, in_order):
    sizes = {"workers": 3, "partitions": 2, "split_size": 16 << 10}
    workflow = wordcount.workflow(url(data, "logs/"), url(data, "counts/"), **options(data, **sizes, in_order=in_order))
    argo = ArgoStandIn(workflow.to_dict())
    assert argo.run(), argo.printed
    steps = sorted(pod.rpartition(" ")[2] for pod in argo.pods)
    assert steps == ["map"] * 3 + ["reduce"] * 2 + ["split"]
    assert parts(data / "counts") == as_run(data, data / "logs", "here", "--partitions", "2", "--split-size", "16KiB")


def test_a_template_is_submitted_three_times(data):
    template = wordcount.workflow_template("counts", **options(data, split_size=16 << 10))
    for number, sizes in enumerate([{}, {"workers": "2"}, {"workers": "4", "partitions": "3"}]):
        values = {"input": url(data, "logs/"), "output": url(data, f"out-{number}"), **sizes}
        argo = ArgoStandIn(template.to_dict(), values)
        assert argo.run(), argo.printed
        assert len(argo.pods) == (1, 5, 8)[number]
    one = as_run(data, data / "logs", "here", "--split-size", "16KiB")
    assert parts(data / "out-0") == parts(data / "out-1") == one
    assert len(parts(data / "out-2")) == 3


def test_a_pipeline_of_two_jobs_with_another_task_between(data):
    with Workflow(generate_name="report-", entrypoint="main") as workflow:
        code = f"import pathlib; pathlib.Path({str(data / 'seen')!r}).write_text('between')"
        note = Container(name="note", image="python:3.11", command=["python3", "-c", code])
        with DAG(name="main"):
            count = wordcount.task(
                "count", input=url(data, "logs/"), output=url(data, "counts/"), **options(data, workers=2)
            )
            between = Task(name="note", template=note)
            top = topk.task("top", input=count.output, output=url(data, "top/"), **options(data))
            count >> between
            between >> top
    argo = ArgoStandIn(workflow.to_dict())
    assert argo.run(), argo.printed
    assert (data / "seen").read_text() == "between"
    as_run(data, data / "logs", "here")
    assert parts(data / "top") == as_run(data, data / "here", "here-top", job="topk")


def test_a_loop_over_days_and_steps(data):
    with Workflow(generate_name="days-", entrypoint="main") as workflow, Steps(name="main"):
        wordcount.step(
            "count",
            input=url(data, "logs/{{item}}/"),
            output=url(data, "days/{{item}}/"),
            with_items=["mon", "tue"],
            **options(data),
        )
    argo = ArgoStandIn(workflow.to_dict())
    assert argo.run(), argo.printed
    for day in ("mon", "tue"):
        assert parts(data / "days" / day) == as_run(data, data / "logs" / day, f"here-{day}")


def test_a_cron_workflows_runs_write_to_places_of_their_own(data):
    cron = wordcount.cron_workflow(
        "nightly",
        schedules=["0 3 * * *"],
        input=url(data, "logs/"),
        output=url(data, "nights/{{workflow.scheduledTime}}/"),
        **options(data),
    )
    for day in ("2026-11-01T03:00:00Z", "2026-11-02T03:00:00Z"):
        argo = ArgoStandIn(cron.to_dict(), globals={"workflow.scheduledTime": day})
        assert argo.run(), argo.printed
        assert parts(data / "nights" / day)


def test_a_done_job_leaves_no_more_than_a_late_pod_needs(data):
    workflow = wordcount.workflow(url(data, "logs/"), url(data, "counts/"), **options(data, workers=2))
    argo = ArgoStandIn(workflow.to_dict())
    assert argo.run(), argo.printed
    left = {path.name for folder in ("", "_job") for path in (data / "counts" / folder).glob("*")}
    tree = {"job.json", "plan.json", "report.json", "tasks.json", "logs"}
    assert left == {"_SUCCESS", "part-00000.txt", "_job", *tree}
    before = parts(data / "counts")
    assert argo.run(), "started once more, the pods find that there is nothing to do"
    assert parts(data / "counts") == before


def test_an_output_that_exists_is_refused_in_one_sentence(data):
    workflow = wordcount.workflow(url(data, "logs/"), url(data, "counts/"), **options(data, workers=2)).to_dict()
    assert ArgoStandIn(workflow).run()
    before = parts(data / "counts")
    again = ArgoStandIn(workflow)
    assert not again.run()
    assert f"the output file://{data}/counts/ already exists" in again.printed[0]
    assert parts(data / "counts") == before


def test_a_workflow_that_is_run_again_goes_on(data):
    """As `argo retry` does, which keeps the uid: what is committed isn't done again, and the failure is forgotten."""
    program = data / "words.sh"
    program.write_text("grep -q 'tue line 17 ' && exit 3 || true\n")
    job = Job(map=program_of(f"sh {program}"), reduce=Count())
    sizes = {"workers": 2, "split_size": 16 << 10, "image": "with-the-program"}
    workflow = job.workflow(url(data, "logs/"), url(data, "counts/"), **options(data, **sizes))
    argo = ArgoStandIn(workflow.to_dict())
    assert not argo.run()
    tree = JobTree.open(url(data, "counts/_job/"))
    first = tree.failure()
    assert first
    assert "status 3" in first.describe()
    committed = {stat.key: stat.modified for stat in tree.objects.list("stage-0/map/commits/")}

    program.write_text("cat >/dev/null; echo ended otherwise >&2; exit 4\n")
    assert not argo.run()
    second = tree.failure()
    assert second
    assert "status 4" in second.describe()
    assert committed.items() <= {stat.key: stat.modified for stat in tree.objects.list("stage-0/map/commits/")}.items()

    program.write_text("cut -d' ' -f1\n")
    assert argo.run(), argo.printed
    assert tree.report()


def test_the_tree_lies_in_a_services_store(data):
    workflow = wordcount.workflow(
        url(data, "logs/"), url(data, "counts/"), **options(data, store=url(data, "store/"), workers=2)
    )
    argo = ArgoStandIn(workflow.to_dict())
    assert argo.run(), argo.printed
    assert sorted(path.name for path in (data / "counts").iterdir()) == ["_SUCCESS", "part-00000.txt"]
    (tree,) = (data / "store/jobs").iterdir()
    assert json.loads((tree / "job.json").read_text())["id"] == tree.name
    assert len(tree.name) == 20
    assert tree.name.isalnum()
