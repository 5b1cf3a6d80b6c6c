"""What a stage asks for holds while its tasks run: variables, a deadline; and stages that other workers do."""

import os

import pytest

from fanfold_steps.job.resources import Resources
from fanfold_steps.job.spec import Aggregate, StageSpec
from fanfold_steps.worker import exits
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import WORDCOUNT, function, run

TEXTS = {"a.txt": b"one two two\nof one\n" * 50}
SECOND = StageSpec(map=function("swapped"), reduce=Aggregate("Count"))


def test_variables_are_those_of_the_stage_and_then_what_they_were(small_job, monkeypatch):
    monkeypatch.setenv("SHADOWED", "outside")
    monkeypatch.delenv("NEW", raising=False)
    small_job.write_input(TEXTS)
    stages = [
        StageSpec(
            function("variables"), Aggregate("Count"), resources=Resources(env={"SHADOWED": "first", "NEW": "1"})
        ),
        StageSpec(function("variables"), Aggregate("Count"), resources=Resources(env={"SHADOWED": "second"})),
    ]
    output = b"".join(run(small_job, *stages, resources=Resources(env={"OF_JOB": "all"})).values())
    assert output == b"second,None,all\t1\n"
    assert os.environ["SHADOWED"] == "outside"
    assert "NEW" not in os.environ
    assert "OF_JOB" not in os.environ


def test_code_may_remove_a_variable_of_its_stage(small_job, monkeypatch):
    monkeypatch.delenv("NEW", raising=False)
    small_job.write_input(TEXTS)
    stage = StageSpec(function("removes_variable"), Aggregate("Count"), resources=Resources(env={"NEW": "1"}))
    assert run(small_job, stage)
    assert "NEW" not in os.environ


@pytest.mark.thorough
@pytest.mark.parametrize("of_job", [True, False])
def test_a_job_that_is_late_fails_and_says_so(small_job, of_job):
    small_job.write_input(TEXTS)
    late = Resources(deadline=0.3)
    stage = StageSpec(function("sleeps"), Aggregate("Sum"), resources=None if of_job else late)
    small_job.create(stage, resources=late if of_job else None)
    with small_job.start() as worker:
        assert worker.wait(30) == exits.FAILED
    failure = small_job.tree.failure()
    assert failure
    assert failure.kind == "deadline"
    what = "the job" if of_job else "stage 0"
    assert failure.message.startswith(f"{what} had not ended after 0.3 s, its deadline: raise the deadline")


def test_a_job_that_is_in_time_isnt_late(small_job):
    small_job.write_input(TEXTS)
    assert run(small_job, WORDCOUNT, resources=Resources(deadline=3600))


def test_workers_of_a_stage_leave_when_others_take_over(small_job):
    small_job.write_input(TEXTS)
    small_job.create(WORDCOUNT, SECOND, SECOND, workers={"stage-0": 1, "stage-2": 1})
    Worker(small_job.tree, "stage-0", 0).run()
    assert [len([*small_job.tree.committed(*step)]) for step in ((1, "reduce"), (2, "map"))] == [2, 0]
    assert not small_job.output()
    Worker(small_job.tree, "stage-2", 0).run()
    apart = small_job.output()
    assert small_job.tree.report()
    whole = type(small_job)(small_job.root / "whole")
    whole.write_input(TEXTS)
    assert run(whole, WORDCOUNT, SECOND, SECOND) == apart


def test_a_step_that_doesnt_exist_is_refused(small_job, capfd):
    with small_job.start("stage-x") as worker:
        assert worker.wait(30) == 2
        assert "must be one of split, map, reduce, all and stage-N" in (worker.stderr.read() if worker.stderr else "")
