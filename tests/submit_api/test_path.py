"""The whole way: files, a job, its states, its results, byte for byte what a plain count gives."""

from collections import Counter

import pytest

from tests.submit_api.conftest import Site

TEXTS = {
    "texts/a.txt": b"the cat\nthe dog\n",
    "texts/b.txt": b"a dog\n" * 1000,
    "texts/deep/c.txt": b"no newline at end",
}


def counted(texts: dict[str, bytes]) -> bytes:
    words = Counter(word for text in texts.values() for word in text.decode().split())
    return "".join(f"{word}\t{words[word]}\n" for word in sorted(words)).encode()


@pytest.mark.thorough
def test_a_job_goes_from_files_to_results(site: Site) -> None:
    ada = site.user("ada")
    for path, data in TEXTS.items():
        ada.put(path, data)
    answer = ada.submit(output="files:counts/", partitions=1)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued" and job["owner"] == "ada" and job["desired"] == "run"

    job = ada.wait(job["id"])

    assert job["workflow"]["name"] and job["error"] is None
    assert job["created"] <= job["started"] <= job["finished"]
    steps = {step["step"]: step for step in job["stages"][0]["steps"]}
    assert steps["map"]["done"] == steps["map"]["tasks"] > 0
    assert steps["map"]["records"] == 1003
    parts = ada.http.get(f"/v1/jobs/{job['id']}/results").json()["parts"]
    assert [part["name"] for part in parts] == ["part-00000.txt"]
    assert ada.http.get(f"/v1/jobs/{job['id']}/results/data").content == counted(TEXTS)
    assert ada.http.get("/v1/files/counts/part-00000.txt").content == counted(TEXTS)
