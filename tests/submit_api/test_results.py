"""Results: every part in order as one stream, in ranges too, and only of a job that has succeeded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanfold_submit.jobs.outputs import results
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll

TEXT = b"".join(b"word-%d again\n" % (number % 300) for number in range(1000))


@pytest.fixture(scope="session")
def finished(shared_site: Site) -> tuple[User, dict[str, Any]]:
    """A user and their job of three parts."""
    ada = shared_site.user("ada-results")
    ada.put("texts/a.txt", TEXT)
    answer = ada.submit(partitions=3, output="files:counts/", workers=1)
    return ada, ada.wait(answer.json()["id"])


@pytest.mark.thorough
def test_parts_are_told_with_what_they_hold(finished: tuple[User, dict[str, Any]]) -> None:
    ada, job = finished
    parts = ada.http.get(f"/v1/jobs/{job['id']}/results").json()["parts"]
    assert [part["name"] for part in parts] == [f"part-0000{number}.txt" for number in range(3)]
    assert sum(part["records"] for part in parts) == 301
    data = ada.http.get(f"/v1/jobs/{job['id']}/results/data").content
    assert sum(part["bytes"] for part in parts) == len(data)
    assert data == b"".join(ada.http.get(f"/v1/files/counts/{part['name']}").content for part in parts)
    assert sorted(data.splitlines())[0] == b"again\t1000"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("output", "media_type"),
    [
        ({"format": "text"}, "text/plain; charset=utf-8"),
        ({"format": "text", "compress": "gzip"}, "application/octet-stream"),
        ({"format": "jsonl"}, "application/x-ndjson"),
        ({"format": "tsv"}, "text/tab-separated-values; charset=utf-8"),
        ({"format": "parquet"}, "application/octet-stream"),
    ],
    ids=str,
)
def test_bytes_are_told_as_what_they_are(shared_site: Site, output: dict[str, str], media_type: str) -> None:
    ada = shared_site.user("ada-types")
    ada.put("texts/a.txt")
    stage = {"map": {"function": "fanfold.builtin.wordcount:words"}, "reduce": {"aggregate": "Sum"}}
    answer = ada.submit({"job": {"spec": {"stages": [stage], "output": output}}, "inputs": ["files:texts/"]})
    assert answer.status_code == 202, answer.text
    job = ada.wait(answer.json()["id"])
    data = ada.http.get(f"/v1/jobs/{job['id']}/results/data")
    assert (data.status_code, data.headers["Content-Type"]) == (200, media_type)


def test_any_range_is_cut_from_the_whole(finished: tuple[User, dict[str, Any]]) -> None:
    ada, job = finished
    url = f"/v1/jobs/{job['id']}/results/data"
    whole = ada.http.get(url)
    data, etag = whole.content, whole.headers["ETag"]
    parts = ada.http.get(f"/v1/jobs/{job['id']}/results").json()["parts"]
    edge = parts[0]["bytes"]
    for start, stop in [(0, 1), (edge - 1, edge + 1), (edge, edge + 1), (5, len(data) - 5), (len(data) - 1, len(data))]:
        answer = ada.http.get(url, headers={"Range": f"bytes={start}-{stop - 1}", "If-Range": etag})
        assert answer.status_code == 206 and answer.content == data[start:stop]
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(data)}"
    assert ada.http.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416


def test_a_preview_shows_the_first_records(finished: tuple[User, dict[str, Any]]) -> None:
    ada, job = finished
    lines = ada.http.get(f"/v1/jobs/{job['id']}/results/data").text.splitlines()
    for count, more in [(1, True), (20, True), (301, False), (1000, False)]:
        preview = ada.http.get(f"/v1/jobs/{job['id']}/results/preview?records={count}").json()
        assert preview == {"records": lines[:count], "more": more}
    assert len(ada.http.get(f"/v1/jobs/{job['id']}/results/preview").json()["records"]) == 20
    assert ada.http.get(f"/v1/jobs/{job['id']}/results/preview?records=0").status_code == 422


def test_unknown_outputs_and_routes_are_refused(finished: tuple[User, dict[str, Any]]) -> None:
    ada, job = finished
    for tail in ("results/data?output=rejects", "results/preview?output=rejects"):
        answer = ada.http.get(f"/v1/jobs/{job['id']}/{tail}")
        assert answer.status_code == 404 and "rejects" in answer.json()["detail"]
    answer = ada.http.get(f"/v1/jobs/{job['id']}/results/other")
    assert answer.status_code == 404 and answer.headers["Content-Type"] == "application/problem+json"


def test_there_are_no_results_before_the_end(open_site: Callable[..., Site]) -> None:
    engine = ScriptedEngine()
    site = open_site(engine)
    ada = site.user("ada")
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    answer = ada.http.get(f"/v1/jobs/{job}/results/data")
    assert answer.status_code == 409 and "no results yet" in answer.json()["detail"]
    ada.http.post(f"/v1/jobs/{job}/cancel")
    ada.wait(job, "cancelled")
    assert "was cancelled, so it has no results" in ada.http.get(f"/v1/jobs/{job}/results").json()["detail"]


@pytest.mark.thorough
def test_an_output_that_was_removed_or_replaced_is_not_served(shared_site: Site) -> None:
    ada = shared_site.user("ada-removed")
    ada.put("texts/a.txt")
    job = ada.submit(output="files:out/", partitions=1, workers=1).json()["id"]
    ada.wait(job)
    manifest = ada.http.get("/v1/files/out/_SUCCESS").json()
    ada.put("out/_SUCCESS", json.dumps({**manifest, "job": "0" * 20}).encode())
    answer = ada.http.get(f"/v1/jobs/{job}/results/data")
    assert answer.status_code == 404 and "replaced" in answer.json()["detail"]
    for item in ada.http.get("/v1/files?prefix=out/").json()["items"]:
        ada.http.delete(f"/v1/files/{item['path']}")
    answer = ada.http.get(f"/v1/jobs/{job}/results")
    assert answer.status_code == 404 and "files:out/" in answer.json()["detail"]
    assert ada.job(job)["state"] == "succeeded"


@pytest.mark.thorough
def test_results_that_were_changed_are_told_as_changed(open_site: Callable[..., Site]) -> None:
    """Nothing is served under a checksum or a length that it hasn't."""
    site = open_site()
    ada = site.user("ada")
    ada.put("texts/a.txt", TEXT)
    job = ada.wait(ada.submit(partitions=2, output="files:counts/", workers=1).json()["id"])["id"]
    urls = [f"/v1/jobs/{job}/results{tail}" for tail in ("", "/data", "/preview")]
    sound = ada.http.get("/v1/files/counts/part-00001.txt").content
    manifest = ada.http.get("/v1/files/counts/_SUCCESS").content
    assert [ada.http.get(url).status_code for url in urls] == [200, 200, 200]

    def answers() -> set[tuple[int, str]]:
        found = [ada.http.get(url) for url in urls]
        found.append(ada.http.get(urls[1], headers={"Range": "bytes=0-3"}))
        return {(answer.status_code, answer.json()["type"].rpartition(":")[2]) for answer in found}

    for changed in (sound[:-1], sound + b"x", sound[:-1] + b"!"):
        ada.put("counts/part-00001.txt", changed)
        assert answers() == {(409, "results-changed")}, "a PUT into its output"
    ada.put("counts/part-00001.txt", sound)
    assert {ada.http.get(url).status_code for url in urls} == {200}, "the very bytes are back"
    parts = json.loads(manifest)["parts"]
    for forged in (
        b"[]",
        b"[" * 100_000,
        b"\xff",
        json.dumps({**json.loads(manifest), "parts": [{**parts[0], "name": "../../../keys"}]}).encode(),
        json.dumps({**json.loads(manifest), "parts": 5}).encode(),
        json.dumps({**json.loads(manifest), "outputs": {"../texts": {"parts": [], "records": 0, "bytes": 0}}}).encode(),
    ):
        ada.put("counts/_SUCCESS", forged)
        assert answers() == {(409, "results-changed")}, forged
    ada.put("counts/_SUCCESS", manifest)
    ada.http.delete("/v1/files/counts/part-00000.txt")
    assert answers() == {(404, "results-removed")}


@pytest.mark.thorough
def test_links_in_an_output_or_a_tree_lead_nowhere(site: Site, tmp_path: Path) -> None:
    """A job plants them; they are neither read nor, when the job is removed, followed."""
    ada, bob = site.user("ada"), site.user("bob")
    bob.put("secret", b"bob's")
    ada.put("texts/a.txt")
    job = ada.wait(ada.submit(output="files:out/", partitions=1, workers=1).json()["id"])["id"]
    out, tree = tmp_path / "data/files/ada/out", tmp_path / "data/jobs" / job
    urls = [f"/v1/jobs/{job}/results{tail}" for tail in ("", "/data", "/preview")]
    for name in ("part-00000.txt", "_SUCCESS"):
        (out / name).rename(out.parent / "kept")
        (out / name).symlink_to("../../bob/secret")
        answers = [ada.http.get(url) for url in urls]
        assert [answer.status_code for answer in answers] == [404] * 3
        assert not any("bob" in answer.text for answer in answers)
        (out / name).unlink()
        (out.parent / "kept").rename(out / name)
    assert [ada.http.get(url).status_code for url in urls] == [200] * 3
    out.rename(out.parent / "kept")
    out.symlink_to("../bob")
    assert [ada.http.get(url).status_code for url in urls] == [404] * 3
    (tree / "stage-0").rename(tree / "moved")
    (tree / "stage-0").symlink_to("../../files/bob")
    (tree / "file").symlink_to("../../files/bob/secret")
    poll(lambda: ada.http.delete(f"/v1/jobs/{job}").status_code == 204)
    assert bob.http.get("/v1/files/secret").content == b"bob's"


@pytest.mark.thorough
def test_a_part_that_changes_while_it_is_sent_is_never_sent_whole(
    open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long and, by its time, as old as the output: the checksum tells, and the last bytes are held back."""
    site = open_site()
    ada = site.user("ada")
    ada.put("texts/a.txt", TEXT)
    job = ada.wait(ada.submit(partitions=1, output="files:counts/", workers=1).json()["id"])["id"]
    monkeypatch.setattr(results.Output, "demand_unchanged", lambda *_: None)
    sound = ada.http.get("/v1/files/counts/part-00000.txt").content
    ada.put("counts/part-00000.txt", b"!" + sound[1:])
    answer = ada.http.get(f"/v1/jobs/{job}/results/data")
    assert answer.status_code == 409 and answer.json()["type"].endswith("results-changed")
