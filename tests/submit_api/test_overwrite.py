"""A job may replace an earlier job's output, once its own is complete: whole or not at all, whatever crashes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanfold.errors import Refused
from fanfold.planning.replacing import Target, put_in_place
from fanfold_storage.urls import open_objects
from fanfold_submit.jobs.job import Job, Replaced, State
from fanfold_submit.jobs.outputs import replacing
from fanfold_submit.jobs.outputs.replacing import put_output_in_place, tidy_up
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll

OUTPUT = "files:counts/"
PART = "/v1/files/counts/part-00000.txt"


def two_outputs(site: Site) -> User:
    """Somebody with an output that a job wrote, and another input."""
    ada = site.user()
    ada.put("texts/a.txt", b"old\n")
    ada.put("new/a.txt", b"new\n")
    ada.wait(ada.submit(output=OUTPUT, partitions=1).json()["id"])
    assert ada.http.get(PART).content == b"old\t1\n"
    return ada


def again(ada: User, **changes: Any) -> Any:
    asked: dict[str, Any] = {"inputs": ["files:new/"], "output": OUTPUT, "partitions": 1, "overwrite": True}
    return ada.submit(**(asked | changes))


def listed(ada: User) -> set[str]:
    return {item["path"] for item in ada.http.get("/v1/files").json()["items"]}


@pytest.mark.thorough
def test_an_output_is_replaced_and_nothing_is_left(site: Site) -> None:
    ada = two_outputs(site)
    poll(lambda: again(ada).status_code != 409)  # once the first job's workers have left
    job = ada.http.get("/v1/jobs").json()["items"][0]
    ada.wait(job["id"])
    assert ada.http.get(PART).content == b"new\t1\n"
    assert ada.http.get(f"/v1/jobs/{job['id']}/results/data").content == b"new\t1\n"
    kept = {"texts/a.txt", "new/a.txt", "counts/_SUCCESS", "counts/part-00000.txt"}
    poll(lambda: listed(ada) == kept)
    assert ada.http.get("/v1/files/counts/_SUCCESS").json()["job"] == job["id"]


@pytest.mark.thorough
def test_what_cannot_be_replaced_is_refused(site: Site) -> None:
    ada = two_outputs(site)
    poll(lambda: again(ada, output="files:none/").status_code == 202)
    taken = ada.submit(output=OUTPUT)
    assert taken.status_code == 409 and "--overwrite" in taken.json()["detail"]
    ada.put("counts/mine.txt")
    refused = poll(lambda: (answer := again(ada)).status_code == 422 and answer)
    assert "it contains mine.txt), so it won't be replaced" in refused.json()["detail"]
    assert site.store_url.removeprefix("file://") not in refused.text
    without = again(ada, output=None)
    assert (without.status_code, "leave overwrite out" in without.json()["detail"]) == (422, True)
    itself = again(ada, inputs=["files:counts/"])
    assert itself.status_code == 422
    ada.put(".other.fanfold-new/mine.txt")
    assert again(ada, output="files:other/").status_code == 202
    ada.put(".counts.fanfold-new/mine.txt")
    assert ada.http.delete("/v1/files/counts/mine.txt").status_code == 204
    assert "move it elsewhere" in again(ada).json()["detail"]
    ada.put("a-file")
    assert again(ada, output="files:a-file").status_code == 422


def test_while_one_job_replaces_an_output_no_other_writes_to_it(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine())
    ada = site.user()
    ada.put("new/a.txt")
    for name in ("part-00000.txt", "_SUCCESS"):
        ada.put(f"counts/{name}", b'{"job": "x", "parts": []}')
    first = again(ada)
    assert first.status_code == 202, first.text
    assert (again(ada).status_code, again(ada).json()["type"]) == (409, "urn:fanfold:problem:output-in-use")
    assert ada.http.post(f"/v1/jobs/{first.json()['id']}/cancel").status_code == 202
    ada.wait(first.json()["id"], "cancelled")
    assert ada.http.get("/v1/files/counts/_SUCCESS").json()["job"] == "x"
    poll(lambda: again(ada).status_code == 202)


def finished(folder: Path) -> Job:
    """A job whose new output lies complete beside the old one, and is about to take its place."""
    root = f"{folder.as_uri()}/"
    for place, job in (("counts", "old"), (".counts.fanfold-new", "0" * 20)):
        objects = open_objects(f"{root}{place}/")
        objects.put("part-00000.txt", [job.encode()])
        objects.put("_SUCCESS", [b'{"job": "%s", "parts": []}' % job.encode()])
    return Job(
        id="0" * 20, name="n", owner="a", owner_id="a", state=State.RUNNING, engine="local", inputs=[], partitions=1,
        created="", conf={"output": f"{root}.counts.fanfold-new/"}, url=f"{root}tree/",
        replaces=Replaced(final=f"{root}counts/", manifest=None),
    )  # fmt: skip


def test_a_crash_after_the_swap_does_not_swap_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service dies between the swap and the record that says so, once before and once after the swap."""
    job = finished(tmp_path)

    def die(target: Target | None = None) -> None:
        if target:
            put_in_place(target)
        raise KeyboardInterrupt

    monkeypatch.setattr(replacing, "put_in_place", lambda _: die())
    with pytest.raises(KeyboardInterrupt):
        put_output_in_place(job)
    assert (tmp_path / "counts/part-00000.txt").read_text() == "old"
    monkeypatch.setattr(replacing, "put_in_place", die)
    with pytest.raises(KeyboardInterrupt):
        put_output_in_place(job)
    monkeypatch.setattr(replacing, "put_in_place", put_in_place)
    for _ in range(2):
        after = put_output_in_place(job)
        assert (tmp_path / "counts/part-00000.txt").read_text() == "0" * 20
    assert after.conf["output"] == f"{tmp_path.as_uri()}/counts/"
    tidy_up(after.changed(state=State.SUCCEEDED))
    assert [path.name for path in tmp_path.iterdir()] == ["counts"]


def test_what_somebody_puts_into_the_old_output_meanwhile_is_kept(tmp_path: Path) -> None:
    job = finished(tmp_path)
    (tmp_path / "counts/mine.txt").write_text("mine")
    with pytest.raises(Refused, match=r"mine\.txt"):
        put_output_in_place(job)
    assert (tmp_path / "counts/part-00000.txt").read_text() == "old"
