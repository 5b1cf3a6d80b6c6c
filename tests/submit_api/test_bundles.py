"""Bundles: kept under their hash, or not at all."""

import hashlib
import io
import stat
import struct
import zipfile
from typing import Any

import httpx
import pytest

from fanfold_submit.jobs import bundles
from tests.submit_api.conftest import Site

JOB = b"""
from fanfold import Job, Sum

def letters(line):
    for letter in line:
        yield letter, 1

def broken(line):
    raise ValueError(f"no sense in {line!r}")

job = Job(map=letters, reduce=Sum())
bad = Job(map=broken, reduce=Sum())
"""


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


def put(site: Site, data: bytes, sha256: str | None = None) -> httpx.Response:
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    return site.user("ada-bundles").http.put(f"/v1/bundles/{sha256}", content=data)


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_a_bundle_is_kept_once(shared_site: Site) -> None:
    data = zipped(("job.py", JOB))
    sha256 = hashlib.sha256(data).hexdigest()
    http = shared_site.user("ada-bundles").http
    assert http.head(f"/v1/bundles/{sha256}").status_code == 404
    first = put(shared_site, data)
    assert (first.status_code, first.json()) == (201, {"sha256": sha256, "size": len(data)})
    assert put(shared_site, data).status_code == 200
    assert http.head(f"/v1/bundles/{sha256}").headers["Content-Length"] == str(len(data))
    assert b"".join(shared_site.objects.read(f"bundles/{sha256}")) == data


def lying(size: int) -> bytes:
    """A zip of 5 MB whose directory states another size."""
    data = bytearray(zipped(("job.py", b"#" * 5_000_000)))
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<I", size)
    return bytes(data)


def packed(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("job.py", JOB)
    return file.getvalue()


def renamed(name: bytes) -> bytes:
    """A zip whose entry has a name that `zipfile` would not write."""
    return zipped(("x" * len(name), JOB)).replace(b"x" * len(name), name)


REFUSED: dict[str, tuple[bytes, str]] = {
    "no zip": (b"nothing like a zip", "not a zip"),
    "cut off": (zipped(("job.py", JOB))[:-30], "not a zip"),
    "up": (zipped(("../job.py", JOB)), "not a relative path"),
    "up from within": (zipped(("a/../../job.py", JOB)), "not a relative path"),
    "absolute": (zipped(("/job.py", JOB)), "not a relative path"),
    "a drive": (zipped(("c:/job.py", JOB)), "not a relative path"),
    "a size too small": (lying(10), "unpacked"),
    "a size too large": (lying(6_000_000), "unpacked"),
    "a wrong checksum": (packed(zipfile.ZIP_STORED).replace(b"letters", b"LETTERS"), "unpacked"),
    "a bound on memory": (packed(zipfile.ZIP_BZIP2), "deflate"),
    "a NUL": (renamed(b"job.py\0.txt"), "control characters"),
    "a line's end": (zipped(("job\n.py", JOB)), "control characters"),
    "an escape": (zipped(("job\x9b.py", JOB)), "control characters"),
    "a link": (zipped((link("job.py"), b"/etc/passwd")), "a link"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_zip_that_could_do_harm_is_refused(shared_site: Site, case: str) -> None:
    data, words = REFUSED[case]
    answer = put(shared_site, data)
    assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
    assert list(shared_site.objects.list(f"bundles/{hashlib.sha256(data).hexdigest()}")) == []


def test_a_wrong_hash_leaves_nothing(shared_site: Site) -> None:
    answer = put(shared_site, zipped(("job.py", JOB)), "ab" * 32)
    assert answer.status_code == 422 and "SHA-256" in answer.json()["detail"]
    assert list(shared_site.objects.list(f"bundles/{'ab' * 32}")) == []
    assert put(shared_site, b"", "not-a-hash").status_code == 422


def test_a_bomb_is_refused(shared_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MOST_UNPACKED", 1 << 20)
    monkeypatch.setattr(bundles, "MOST_ENTRIES", 10)
    assert "unpack" in put(shared_site, zipped(("zeros", bytes(1 << 21)))).json()["detail"]
    many = zipped(*((f"{number}.py", b"") for number in range(11)))
    assert "11 entries" in put(shared_site, many).json()["detail"]


@pytest.mark.thorough
def test_a_job_from_a_bundle_runs(shared_site: Site) -> None:
    data = zipped(("letters.py", JOB))
    put(shared_site, data)
    ada = shared_site.user("ada-bundles")
    ada.put("texts/a.txt", b"abba\n")
    answer = ada.submit({"job": entry(data, "letters:job"), "inputs": ["files:texts/"], "partitions": 1})
    assert answer.status_code == 202, answer.text
    job = ada.wait(answer.json()["id"])
    assert job["name"] == "letters"
    assert ada.http.get(f"/v1/jobs/{job['id']}/results/data").content == b"a\t2\nb\t2\n"


@pytest.mark.thorough
def test_a_mapper_that_raises_shows_its_own_traceback(shared_site: Site) -> None:
    data = zipped(("letters.py", JOB))
    put(shared_site, data)
    ada = shared_site.user("ada-bundles")
    ada.put("bad/a.txt", b"abba\n")
    answer = ada.submit({"job": entry(data, "letters:bad"), "inputs": ["files:bad/"], "output": "files:bad-out/"})
    error = ada.wait(answer.json()["id"], "failed")["error"]
    assert error["type"].endswith("job-failed") and "ValueError: no sense in 'abba'" in error["detail"]
    assert 'File "letters.py"' in error["traceback"] and "fanfold_steps" not in error["traceback"]
    assert error["task"]["step"] == "map" and error["record"]["offset"] == 0
    assert error["record"]["source"] == "files:bad/a.txt"
    assert ada.http.get("/v1/files?prefix=bad-out/").json()["items"] == []


def entry(data: bytes, name: str) -> dict[str, Any]:
    return {"bundle": hashlib.sha256(data).hexdigest(), "entry": name}
