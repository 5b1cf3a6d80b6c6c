"""What is kept of a run in its output: bounded, written once, and the same in a bucket."""

import json

import pytest

from fanfold.diagnosis.local import LocalRun
from fanfold.errors import Refused
from fanfold.planning import kept
from fanfold_steps.logs.line import LogLine, Mark
from fanfold_steps.worker.loop import Worker
from fanfold_storage.urls import open_objects
from tests.steps.conftest import SmallJob


@pytest.fixture
def done(tmp_path):
    job = SmallJob(tmp_path)
    job.write_input({"a.txt": b"one two\n" * 50})
    job.create()
    Worker(job.tree, "all", 0).run()
    return job


def keep(job, seconds=1.5, output=None):
    kept.keep(job.tree, job.tree.conf(), output or job.tree.conf().output, seconds)
    return LocalRun.at(output or job.tree.conf().output)


def test_log_tasks_and_report_can_be_read_without_the_tree(done):
    run = keep(done)
    assert run.tree is None
    assert next(line.text for line in run.log("map/0")) == "claimed"
    facts = run.facts()
    assert (facts.state, facts.workers, facts.seconds) == ("succeeded", 1, 1.5)
    assert [step[1:] for step in facts.tasks.steps] == [("map", 1), ("reduce", 2)]
    assert facts.tasks.table.of_step(0, "map")[0].records == 50
    report = json.loads((done.root / "out/_fanfold/report.json").read_text())
    assert report["counters"]["fanfold"]["input_records"] == 50


def test_it_is_written_once_for_a_job_and_anew_for_another(done):
    keep(done, 1.5)
    assert keep(done, 9.0).facts().seconds == 1.5, "what an interrupted command kept, when the tree was whole"
    path = done.root / "out/_fanfold/report.json"
    for content in ('{"job": "another"}', "no JSON", "[]"):
        path.write_text(content)
        assert keep(done, 9.0).facts().seconds == 9.0


def test_a_log_that_is_too_large_is_cut_and_says_so(done, monkeypatch):
    monkeypatch.setattr(kept, "LARGEST_LOG", 2000)
    monkeypatch.setattr(kept, "CHUNK", 100)
    lines = [LogLine(2e9 + number, "all-0", "-", Mark.PRINTED, "x" * 50) for number in range(100)]
    data = "".join(f"{line}\n" for line in lines).encode()
    done.tree.objects.put(f"logs/all-0/{1:020d}-00000.txt", [data])
    *read, last = keep(done).log(None)
    assert 10 < len(read) < 30
    assert (last.mark, last.text) == (Mark.OWN, "the log has more than 2,000 bytes; the rest is omitted")


@pytest.mark.thorough
def test_it_is_kept_in_a_bucket_as_in_a_folder(done, seaweedfs_server, monkeypatch):
    for name, value in seaweedfs_server.environ.items():
        monkeypatch.setenv(name, value)
    output = seaweedfs_server.url("kept/")
    run = keep(done, output=output)
    assert next(line.text for line in run.log("map/0")) == "claimed"
    assert {stat.key for stat in open_objects(output).list()} == {
        "_fanfold/log.txt", "_fanfold/report.json", "_fanfold/tasks.json"
    }  # fmt: skip


def test_a_folder_that_holds_no_run_is_refused(tmp_path):
    with pytest.raises(Refused, match="holds no run of a job"):
        LocalRun.at(tmp_path.as_uri() + "/")
