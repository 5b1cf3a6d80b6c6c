"""What a job has skipped: told with what was wrong, and fed in again as it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanfold_steps.tree.commit import Commit, FirstBad, Skipped
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.submit_api.scripts import Script
from tests.waiting import poll

NUMBERS = """
from fanfold import CSV, Input, Job, Skip, Sum

def number(line):
    yield "sum", int(line{mend})

def row(record):
    yield "sum", int(record["n"])

job = Job(map=number, reduce=Sum(), on_error=Skip(at_most={most}))
named = Job(inputs={{"rows": Input(CSV(), map=row), "lines": Input(map=number)}}, reduce=Sum(), on_error=Skip(0.9))
"""
LINES = b"1\n2\nthree\n4\n\xff\n"


class Numbers(Script):
    def write(self, *_: str, mend: str = "", most: str = "0.5", entry: str = "job", **__: Any) -> None:
        more = "" if entry == "job" else f"job = {entry}\n"
        self.file.write_text(NUMBERS.format(mend=mend, most=most) + more)


@pytest.fixture
def numbers(tmp_path: Path) -> Numbers:
    return Numbers(tmp_path / "numbers")


def run(user: User, job: dict[str, Any], state: str = "succeeded", **more: Any) -> str:
    answer = user.submit({"job": job, "inputs": ["files:numbers/"], "split_size": 1024, **more})
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    user.wait(found, state)
    return found


def pages(user: User, job: str, limit: int = 100) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = user.http.get(f"/v1/jobs/{job}/quarantine", params={"limit": limit, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        cursor = answer.json()["cursor"]
        if not cursor:
            return items


@pytest.mark.thorough
@pytest.mark.parametrize("output", [None, "files:sums/"])
def test_bad_records_are_mended_and_fed_in_again(site: Site, numbers: Numbers, output: str | None) -> None:
    ada = site.user("ada")
    ada.put("numbers/a.txt", LINES)
    ada.put("numbers/b.txt", b"5\nsix\n")
    job = run(ada, numbers.code(ada), output=output)
    bad = pages(ada, job)
    assert [(one["file"], one["offset"], one["record"]) for one in bad] == [
        ("a.txt", 4, "three"), ("a.txt", 12, "\\udcff"), ("b.txt", 2, "six"),
    ]  # fmt: skip
    assert bad[0]["problem"].startswith("the mapper raised ValueError") and "int(line)" in bad[0]["traceback"]
    assert pages(ada, job, limit=1) == pages(ada, job, limit=2) == bad
    url = f"/v1/jobs/{job}/quarantine/records"
    records = ada.http.get(url)
    part = ada.http.get(url, headers={"Range": "bytes=3-9", "If-Range": records.headers["ETag"]})
    assert part.status_code == 206 and part.content == records.content[3:10]

    numbers.write(mend='.replace("three", "3").replace("six", "6").encode("utf-8", "replace").replace(b"?", b"0")')
    ada.put("again/bad", records.content)
    again = run(ada, numbers.code(ada), inputs=["files:again/"])
    assert ada.http.get(f"/v1/jobs/{again}/results/data").text == "sum\t9\n"
    assert pages(ada, again) == []
    assert ada.http.get(f"/v1/jobs/{again}/quarantine/records").status_code == 404
    assert site.user("eve").http.get(url).status_code == 404


@pytest.mark.thorough
def test_the_bad_records_of_a_failed_job_are_those_of_committed_tasks(site: Site, numbers: Numbers) -> None:
    ada = site.user("ada")
    ada.put("numbers/a.txt", LINES)
    numbers.write(most="0.1")
    job = run(ada, numbers.code(ada), "failed")
    assert [one["record"] for one in pages(ada, job, limit=1)] == ["three", "\\udcff"]
    records = ada.http.get(f"/v1/jobs/{job}/quarantine/records").content
    ada.put("again/bad", records)
    numbers.write(mend='.replace("three", "3").encode("utf-8", "replace").replace(b"?", b"0")')
    again = run(ada, numbers.code(ada), inputs=["files:again/"])
    assert ada.http.get(f"/v1/jobs/{again}/results/data").text == "sum\t3\n"


@pytest.mark.thorough
def test_the_records_of_each_named_input_are_in_a_file_of_their_own(site: Site, numbers: Numbers) -> None:
    ada = site.user("ada")
    ada.put("rows/a.csv", b"n\n1\nx\n")
    ada.put("lines/a.txt", b"2\ny\n")
    numbers.write(entry="named")
    job = run(ada, numbers.code(ada), inputs={"rows": ["files:rows/"], "lines": ["files:lines/"]})
    assert [one["file"] for one in pages(ada, job)] == ["a.csv", "a.txt"]
    url = f"/v1/jobs/{job}/quarantine/records"
    rows, lines = (ada.http.get(url, params={"input": name}).content for name in ("rows", "lines"))
    assert b"a.csv" in rows and b"a.txt" not in rows and b"a.txt" in lines
    assert ada.http.get(url).status_code == ada.http.get(url, params={"input": "none"}).status_code == 404


FORGED: dict[str, bytes] = {
    "no JSON": b"nothing\n",
    "no object": b"[1]\n",
    "another type": b'{"step": 1, "problem": "p"}\n',
    "depth": b"[" * 100_000 + b"\n",
    "a long line": b" " * (2 << 20),
    "a large number": b'{"step": "map", "problem": "p", "offset": 1' + b"0" * 30 + b"}\n",
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", FORGED)
def test_what_users_code_forged_is_refused(open_site: Callable[..., Site], case: str) -> None:
    engine = ScriptedEngine()
    site = open_site(engine)
    ada = site.user("ada")
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    poll(lambda: engine.crews.get(job))
    tree = JobTree.open(engine.crews[job].plan.job_url)
    key = "quarantine/stage-0-map-runs-00000-all-0-0a"
    first = FirstBad("there", "it was bad", "")
    tree.commit(Task(0, "map", 0), Commit("a", 5, 7, skipped=Skipped(1, f"{key}.jsonl", first, f"{key}.records")))
    sound = json.dumps({"step": "map", "record": "\ud800\x1b", "problem": "p", "more": 1}).encode() + b"\n"
    tree.objects.put(f"{key}.jsonl", [sound])
    tree.objects.put("quarantine/stage-0-map-runs-00000-all-0-0b.jsonl", [sound])
    (item,) = ada.http.get(f"/v1/jobs/{job}/quarantine").json()["items"]
    assert (item["record"], item["problem"]) == ("\\ud800\\x1b", "p")
    tree.objects.put(f"{key}.jsonl", [sound + FORGED[case]])
    first_page = ada.http.get(f"/v1/jobs/{job}/quarantine?limit=1").json()
    answer = ada.http.get(f"/v1/jobs/{job}/quarantine", params={"cursor": first_page["cursor"]})
    assert answer.status_code == 409 and answer.json()["type"].endswith("results-changed")
    for cursor in ("x", "1", "-1@", f"{'9' * 20}@"):
        assert ada.http.get(f"/v1/jobs/{job}/quarantine", params={"cursor": cursor}).status_code == 400
