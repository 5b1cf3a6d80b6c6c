"""What `run` says of a job that succeeded, with one and with several of everything."""

import json
from typing import Any

import pytest

from fanfold.foreground.request import RunRequest
from fanfold.foreground.run import _print_result
from fanfold.planning.sizing import Sizing
from fanfold_steps.outputs.quarantine import BAD_RECORDS
from fanfold_steps.tree.report import OutputReport, Report, ReportedPart

PART = ReportedPart("part-00000.txt", 1, 1, "ab" * 32)


def said(capsys: pytest.CaptureFixture[str], seconds: float = 1.25, how: Any = None, **fields: Any) -> list[str]:
    """The lines about a job with such a report."""
    report: dict[str, Any] = {"job": "7f", "parts": (PART,), "records": 1, "bytes": 1} | fields
    _print_result(Report(**report), RunRequest(["in/"], "out/", Sizing(), **(how or {})), seconds)
    captured = capsys.readouterr()
    return (captured.out + captured.err).splitlines()


def test_one_of_everything_and_several(capsys: pytest.CaptureFixture[str]):
    assert said(capsys) == ["done in 1.2 s: 1 record in 1 part (1 byte) in out/"]
    many = said(capsys, parts=(PART, PART), records=2000, bytes=2)
    assert many == ["done in 1.2 s: 2,000 records in 2 parts (2 bytes) in out/"]


@pytest.mark.parametrize(
    ("skipped", "words"),
    [(0, []), (1, ["1 bad record was skipped"]), (2, ["2 bad records were skipped"])],
)
def test_what_was_skipped_is_said_first(capsys: pytest.CaptureFixture[str], skipped: int, words: list[str]):
    lines = said(capsys, skipped=skipped)
    assert lines[:-1] == [f"{word}: see out/{BAD_RECORDS}" for word in words]


def test_the_jobs_own_counters_are_said_and_those_of_every_job_are_not(capsys: pytest.CaptureFixture[str]):
    counters = {"words": {"long": 1234, "short": 5}, "fanfold": {"input_records": 40}}
    assert said(capsys, counters=counters)[0] == "words: long 1,234, short 5"
    assert len(said(capsys, counters=counters)) == 2


def test_named_outputs_come_last(capsys: pytest.CaptureFixture[str]):
    outputs = {"rejects": OutputReport((PART,), 1, 1), "rest": OutputReport((), 0, 0)}
    assert said(capsys, outputs=outputs)[1:] == ["rejects: 1 record in out/rejects/", "rest: 0 records in out/rest/"]


def test_a_quiet_run_says_nothing_and_json_is_one_object(capsys: pytest.CaptureFixture[str]):
    assert said(capsys, how={"quiet": True}, skipped=3) == []
    (line,) = said(capsys, 0.12345, how={"json": True, "quiet": True}, skipped=3)
    found = json.loads(line)
    assert (found["output"], found["seconds"], found["skipped"], found["records"]) == ("out/", 0.123, 3, 1)


@pytest.mark.parametrize(
    ("counters", "words"),
    [
        ({"input_records": 3}, []),
        ({"input_records": 3, "records_mapped_to_none": 2}, []),
        ({"input_records": 1, "records_mapped_to_none": 1}, ["None for 1 record: is a `yield` missing?"]),
        ({"input_records": 3, "records_mapped_to_none": 3}, ["None for all 3 records: is a `yield` missing?"]),
        ({"input_records": 3, "keys_reduced_to_none": 2, "output_records": 1}, []),
    ],
)
def test_a_mapper_that_never_yields_is_asked_about(
    capsys: pytest.CaptureFixture[str], counters: dict[str, int], words: list[str]
):
    lines = said(capsys, counters={"fanfold": counters})
    assert [line.removeprefix("the mapper returned ") for line in lines[:-1]] == words
