"""A job's packages through HTTP: stored by content, checked when the job is admitted, found by its workers."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from fanfold_steps.user_code.packages import THIS_PYTHON
from tests.submit_api.conftest import Site, User
from tests.submit_api.test_bundles import zipped
from tests.wheels import build_wheel

JOB = b"""
import thing

def versions(line):
    yield thing.VERSION
"""


def put(user: User, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    assert user.http.put(f"/v1/bundles/{sha256}", content=data).status_code in (200, 201)
    return sha256


def body(user: User, wheel: dict[str, Any]) -> dict[str, Any]:
    user.put("texts/a.txt")
    spec = {
        "bundle": put(user, zipped(("job.py", JOB))),
        "stages": [{"map": {"function": "job:versions"}}],
        "dependencies": {"python": THIS_PYTHON, "platform": "linux", "wheels": [wheel]},
    }
    return {"job": {"spec": spec}, "inputs": ["files:texts/"]}


@pytest.fixture
def wheel(tmp_path: Path) -> tuple[bytes, dict[str, Any]]:
    """A wheel, and how a spec names it."""
    path = build_wheel(tmp_path, "thing", "1.5")
    data = path.read_bytes()
    return data, {"name": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


@pytest.mark.thorough
def test_workers_import_the_wheels_that_the_spec_names(
    site: Site, wheel: tuple[bytes, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    user = site.user()
    put(user, wheel[0])
    job = user.wait(user.submit(body(user, wheel[1])).json()["id"])
    assert user.http.get(f"/v1/jobs/{job['id']}/results/data").text == "1.5\n"


@pytest.mark.thorough
def test_a_module_that_no_worker_has_is_told_with_what_to_add(
    shared_site: Site, wheel: tuple[bytes, dict[str, Any]]
) -> None:
    user = shared_site.user("ada-wheels")
    asked = body(user, wheel[1])
    del asked["job"]["spec"]["dependencies"]
    job = user.wait(user.submit(asked).json()["id"], "failed")
    assert "No module named 'thing' (add its package to the job's file, in the lines" in job["error"]["detail"]


def test_a_wheel_that_nobody_stored_or_of_another_size_is_refused(
    shared_site: Site, wheel: tuple[bytes, dict[str, Any]]
) -> None:
    user = shared_site.user("ada-wheels")
    asked = body(user, wheel[1])
    answer = user.submit(asked)
    assert answer.status_code == 422
    assert f"There is no bundle {wheel[1]['sha256']}, the wheel thing-1.5-py3-none-any.whl." in answer.json()["detail"]
    put(user, wheel[0])
    answer = user.submit(body(user, {**wheel[1], "size": 1}))
    assert answer.status_code == 422
    assert f"has {len(wheel[0])} bytes, not 1, as the spec says" in answer.json()["detail"]
    answer = user.submit(body(user, {**wheel[1], "name": "../thing.whl"}))
    assert answer.status_code == 422
    assert "dependencies: a wheel is named like" in answer.json()["detail"]


@pytest.mark.thorough
def test_a_job_for_another_python_fails_in_words(shared_site: Site, wheel: tuple[bytes, dict[str, Any]]) -> None:
    user = shared_site.user("ada-wheels")
    put(user, wheel[0])
    asked = body(user, wheel[1])
    asked["job"]["spec"]["dependencies"]["python"] = "3.99"
    job = user.wait(user.submit(asked).json()["id"], "failed")
    assert "the job's packages are for Python 3.99 on linux, but this worker runs" in str(job["error"])
