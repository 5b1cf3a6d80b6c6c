"""What a run says of mappers that return nothing, and of reducers that are functions of Python's own."""

import pytest

from fanfold import Collect, Count, Job, Max, Min, Sum
from fanfold.errors import InvalidJob
from tests.workflows.commands import RUN, run_in


def pairs(line):
    return [(line, 1)]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("mapper", "asked"),
    [("(line, 1)", True), ("return [(line, 1)] if line == 'a' else None", False), ("return []", False)],
)
def test_a_forgotten_yield_is_asked_about(tmp_path, mapper, asked):
    (tmp_path / "in.txt").write_text("a\nb\n")
    job = f"from fanfold import Job, Sum\ndef f(line):\n    {mapper}\njob = Job(map=f, reduce=Sum())\n"
    (tmp_path / "quiet_job.py").write_text(job)
    done = run_in(tmp_path, *RUN, "quiet_job.py", "--input", "in.txt", "--output", "out", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert ("the mapper returned None for all 2 records: is a `yield` missing?" in done.stderr) is asked


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("reducer", "asked"), [("sum(values)", True), ("return [key] if key == 'a' else None", False), ("return []", False)]
)
def test_a_yield_forgotten_in_a_reducer_is_asked_about(tmp_path, reducer, asked):
    (tmp_path / "in.txt").write_text("a\nb\n")
    job = f"from fanfold import Job\ndef f(line): yield line, 1\ndef g(key, values):\n    {reducer}\n"
    (tmp_path / "quiet_job.py").write_text(f"{job}job = Job(map=f, reduce=g)\n")
    done = run_in(tmp_path, *RUN, "quiet_job.py", "--input", "in.txt", "--output", "out", "--workers", "1")
    assert done.returncode == 0, done.stderr
    question = "the reducer returned None for 2 keys and the output is empty: is a `yield` missing?"
    assert (question in done.stderr) is asked


@pytest.mark.parametrize(
    ("function", "meant"), [(sum, Sum()), (max, Max()), (min, Min()), (len, Count()), (list, Collect())]
)
def test_functions_of_pythons_own_mean_aggregations(function, meant):
    assert Job(map=pairs, reduce=function).spec().stages == Job(map=pairs, reduce=meant).spec().stages
    both = Job(map=pairs, reduce=(function, Sum()))
    assert both.spec().stages == Job(map=pairs, reduce=(meant, Sum())).spec().stages


@pytest.mark.parametrize("function", [set, sorted, any, tuple])
def test_other_functions_of_pythons_own_are_told_what_they_would_be_given(function):
    with pytest.raises(InvalidJob, match=f"yield key, {function.__name__}.values."):
        Job(map=pairs, reduce=function)
