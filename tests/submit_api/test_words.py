"""What reaches a user names places as the user writes them; where the store lies stays here."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fanfold_steps.tree.job_tree import JobTree
from fanfold_submit.jobs.places import Places
from tests.submit_api.conftest import Site
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll

JOB = "000m3k2v8q1x7f9a2b4c"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("cannot read file:///my%20data/files/ada/a%20b/c.txt: gone", "cannot read files:a b/c.txt: gone"),
        ("cannot write /my data/files/ada/out/.staged/part-1: full", "cannot write files:out/.staged/part-1: full"),
        (f"cannot write '/my data/jobs/{JOB}/output/.staged/x'", "cannot write 'the job's output/.staged/x'"),
        (f"file:///my%20data/jobs/{JOB}/ holds another job", "the job's folder/ holds another job"),
        ("the input file:///my%20data/files/@shared/t/ is not there", "the input files:@shared/t/ is not there"),
        ("the code bundle file:///my%20data/bundles/5a isn't it", "the code bundle bundle 5a isn't it"),
        ("no room on /my data", "no room on the service's store"),
        ("no room on file:///my%20data/.", "no room on the service's store/."),
        ("/my data-old and s3://open/a stay", "/my data-old and s3://open/a stay"),
        ("line\nfile:///my%20data/files/ada/a\n'x'", "line\nfiles:a\n'x'"),
    ],
)
def test_a_folder(text: str, redacted: str) -> None:
    assert Places("file:///my%20data/").redact(text, "ada") == redacted


def test_a_bucket() -> None:
    places = Places("s3://bucket/deep/")
    given = "cannot read s3://bucket/deep/files/ada/a b.txt at http://10.0.0.7:9000: NoSuchKey. Look again."
    assert places.redact(given, "ada") == "cannot read files:a b.txt: NoSuchKey. Look again."
    assert places.redact("s3://bucket/deeper/x", "ada") == "s3://bucket/deeper/x"


def test_another_users_area_is_not_told() -> None:
    assert "/my data" not in Places("file:///my%20data/").redact("/my data/files/bob/a", "ada")


def test_a_failed_job_names_places_alone(open_site: Callable[..., Site], tmp_path: Path) -> None:
    engine = ScriptedEngine()
    site = open_site(engine)
    ada = site.user("ada")
    ada.put("my texts/a.txt")
    job = ada.submit(inputs=["files:my texts/"], output="files:counts/").json()["id"]
    poll(lambda: engine.crews.get(job))
    conf = engine.crews[job].plan.conf
    failure = {
        "kind": "storage",
        "message": f"cannot write {tmp_path}/data/files/ada/counts/.staged/part-0: disk full",
        "traceback": f"Traceback …\nOSError: {tmp_path}/data/jobs/{job}/output/x",
        "record": {"source": f"{conf.input_urls[0]}a.txt", "offset": 0, "text": "a b a"},
        "task": {"stage": 0, "step": "reduce", "index": 0},
    }
    JobTree.open(engine.crews[job].plan.job_url).create("failed.json", failure)
    engine.end(job)
    seen = ada.wait(job, "failed")
    assert seen["error"]["detail"] == "cannot write files:counts/.staged/part-0: disk full"
    assert seen["error"]["record"] == {"source": "files:my texts/a.txt", "offset": 0, "text": "a b a"}
    assert seen["error"]["traceback"].endswith("OSError: the job's output/x")
    assert str(tmp_path) not in json.dumps(seen)
