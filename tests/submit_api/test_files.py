"""Files: stored whole or not at all, read in ranges, listed in order, never outside of one's area."""

import contextlib
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_submit.http import uploads
from fanfold_submit.http.ranges import parse
from fanfold_submit.refusals import RangeNotSatisfiable
from tests.submit_api.conftest import Site
from tests.waiting import poll


def test_a_file_comes_back_as_it_was(shared_site: Site) -> None:
    ada = shared_site.user("ada-files")
    data = os.urandom(3_000_000)
    answer = ada.http.put("/v1/files/deep/er/a%20b%25%C3%A9.bin", content=data)
    assert answer.status_code == 201
    assert answer.json() == {"path": "deep/er/a b%é.bin", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    back = ada.http.get("/v1/files/deep/er/a%20b%25%C3%A9.bin")
    assert back.content == data and back.headers["X-Content-Type-Options"] == "nosniff"
    head = ada.http.head("/v1/files/deep/er/a%20b%25%C3%A9.bin")
    assert head.headers["Content-Length"] == str(len(data)) and head.headers["ETag"] == back.headers["ETag"]
    ada.put("deep/er/a%20b%25%C3%A9.bin", b"new")
    changed = ada.http.get("/v1/files/deep/er/a%20b%25%C3%A9.bin")
    assert changed.content == b"new" and changed.headers["ETag"] != back.headers["ETag"]
    assert ada.http.delete("/v1/files/deep/er/a%20b%25%C3%A9.bin").status_code == 204
    for method in ("GET", "HEAD", "DELETE"):
        assert ada.http.request(method, "/v1/files/deep/er/a%20b%25%C3%A9.bin").status_code == 404


def test_a_file_may_be_empty_and_sent_in_chunks(shared_site: Site) -> None:
    ada = shared_site.user("ada-chunks")
    ada.put("empty", b"")
    assert ada.http.get("/v1/files/empty").content == b""
    answer = ada.http.put("/v1/files/chunks", content=iter([b"one", b"", b"two"]))
    assert answer.json()["size"] == 6
    assert ada.http.get("/v1/files/chunks").content == b"onetwo"


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=5-100", 206, b"56789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("bytes=" + ",".join(["0-"] * 101), 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
    ],
)
def test_ranges(shared_site: Site, asked: str, status: int, expected: bytes | None) -> None:
    ada = shared_site.user("ada-ranges")
    ada.put("digits", b"0123456789")
    answer = ada.http.get("/v1/files/digits", headers={"Range": asked})
    assert answer.status_code == status
    if expected is None:
        assert answer.headers["Content-Range"] == "bytes */10"
    else:
        assert answer.content == expected


def test_a_range_of_another_version_is_not_mixed_in(shared_site: Site) -> None:
    ada = shared_site.user("ada-versions")
    ada.put("file", b"0123456789")
    etag = ada.http.get("/v1/files/file").headers["ETag"]
    same = ada.http.get("/v1/files/file", headers={"Range": "bytes=5-", "If-Range": etag})
    assert (same.status_code, same.content) == (206, b"56789")
    other = ada.http.get("/v1/files/file", headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, b"0123456789")
    assert ada.http.get("/v1/files/file", headers={"If-None-Match": etag}).status_code == 304


@given(header=st.text(max_size=30) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), size=st.integers(0, 200))
def test_a_range_never_leaves_the_content(header: str, size: int) -> None:
    try:
        asked = parse(header, size)
    except RangeNotSatisfiable as refusal:
        assert refusal.size == size
        return
    assert asked is None or 0 <= asked[0] < asked[1] <= size


def test_files_are_listed_in_order_and_in_pages(shared_site: Site) -> None:
    ada = shared_site.user("ada-lists")
    paths = ["a/1", "a/10", "a/2", "a.txt", "b", "é/x", "z"]
    for path in paths:
        ada.put(quote(path), path.encode())
    shared_site.user("ada-lists2").put("theirs")
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ada.http.get("/v1/files", params={"limit": 2, "cursor": cursor}).json()
        assert len(page["items"]) <= 2
        found += [item["path"] for item in page["items"]]
        cursor = page["cursor"]
    assert found == sorted(paths, key=str.encode)
    items = ada.http.get("/v1/files?prefix=a/1").json()["items"]
    assert [(item["path"], item["size"]) for item in items] == [("a/1", 3), ("a/10", 4)]
    assert items[0]["modified"].endswith("Z")


def test_a_level_of_files_has_folders_with_their_sizes(shared_site: Site) -> None:
    ada = shared_site.user("ada-levels")
    for path in ["a/1", "a/b/10", "a/b/c/2", "a.txt", "b", "é/x"]:
        ada.put(quote(path), path.encode())

    def level(prefix: str, limit: int) -> list[tuple[str, int, int | None]]:
        found: list[tuple[str, int, int | None]] = []
        cursor: str | None = ""
        while cursor is not None:
            query: dict[str, str | int] = {"prefix": prefix, "delimiter": "/", "limit": limit, "cursor": cursor}
            page = ada.http.get("/v1/files", params=query).json()
            found += [(item["path"], item["size"], item["files"]) for item in page["items"]]
            cursor = page["cursor"]
        return found

    for limit in (1, 2, 100):
        assert level("", limit) == [("a.txt", 5, None), ("a/", 16, 3), ("b", 1, None), ("é/", 4, 1)]
        assert level("a/", limit) == [("a/1", 3, None), ("a/b/", 13, 2)]
        assert level("a/b", limit) == [("a/b/", 13, 2)]
        assert level("none/", limit) == []
    assert ada.http.get("/v1/files?delimiter=x").status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "..%2Fbob%2Fsecret",
        "%2e%2e/bob/secret",
        "texts/%2e%2e/%2e%2e/bob/secret",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "a%00b",
        "a%0Ab",
        "a//b",
        "a/./b",
        "folder/",
        "@other/a",
        "@shared",
        "x" * 300,
        "y/" * 600 + "z",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(shared_site: Site, path: str) -> None:
    """Sent byte for byte over a socket, since HTTP clients tidy paths up."""
    bob, eve = shared_site.user("bob"), shared_site.user("eve")
    bob.put("secret", b"bob's own")
    for method in ("GET", "PUT", "HEAD", "DELETE"):
        answer = raw(eve.http, f"{method} /v1/files/{path} HTTP/1.1", b"data" if method == "PUT" else b"")
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), answer
        assert b"bob's own" not in answer
    for prefix in (path, f"{path}/x"):
        listed = raw(eve.http, f"GET /v1/files?prefix={prefix} HTTP/1.1", b"")
        assert listed.startswith(b"HTTP/1.1 400") or b'"items":[]' in listed, listed
    assert bob.http.get("/v1/files/secret").content == b"bob's own"


@pytest.mark.parametrize("path", ["z/%ff", "z/%fe", "z/%ed%b2%80", "a%0ab", "a%0a", "a%00b"])
def test_a_path_that_is_no_text_is_refused(shared_site: Site, path: str) -> None:
    ada = shared_site.user("ada-encodings")
    for method in ("PUT", "GET", "HEAD", "DELETE"):
        answer = raw(ada.http, f"{method} /v1/files/{path} HTTP/1.1", b"one" if method == "PUT" else b"")
        assert answer.startswith(b"HTTP/1.1 400"), answer
        assert method == "HEAD" or b"urn:fanfold:problem:invalid-path" in answer
    listed = raw(ada.http, f"GET /v1/files?prefix={path} HTTP/1.1", b"")
    assert listed.startswith(b"HTTP/1.1 400") and b"invalid-path" in listed
    assert ada.http.get("/v1/files").json()["items"] == []


def raw(http: httpx.Client, request: str, body: bytes) -> bytes:
    """The whole answer to a request that is sent as it is."""
    token = http.headers["Authorization"]
    head = f"{request}\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((http.base_url.host, http.base_url.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_shared_area_is_everybodys_to_read_and_an_admins_to_write(shared_site: Site) -> None:
    root, ada = shared_site.user("root", "admin"), shared_site.user("ada-shared")
    refused = ada.http.put("/v1/files/@shared/texts/a", content=b"x")
    assert refused.status_code == 403 and "admin" in refused.json()["detail"]
    assert root.http.put("/v1/files/@shared/texts/a", content=b"for all").json()["path"] == "@shared/texts/a"
    assert ada.http.get("/v1/files/@shared/texts/a").content == b"for all"
    for prefix in ("@shared/", "@shared", "@shared/te"):
        items = ada.http.get("/v1/files", params={"prefix": prefix}).json()["items"]
        assert [item["path"] for item in items] == ["@shared/texts/a"]
    assert ada.http.delete("/v1/files/@shared/texts/a").status_code == 403


def stored(site: Site) -> set[str]:
    """Every file on the disk, staged ones too."""
    root = Path(site.store_url.removeprefix("file://"))
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_an_upload_that_breaks_off_leaves_nothing(site: Site) -> None:
    ada = site.user("ada")
    head = f"PUT /v1/files/broken HTTP/1.1\r\nHost: x\r\nAuthorization: {ada.http.headers['Authorization']}\r\n"
    with socket.create_connection((ada.http.base_url.host, ada.http.base_url.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + b"Content-Length: 1000000\r\n\r\n" + b"x" * 300_000)
        poll(lambda: stored(site))
    poll(lambda: not stored(site))
    assert ada.http.get("/v1/files/broken").status_code == 404


def test_an_upload_that_is_too_large_leaves_nothing(site: Site) -> None:
    small = Site(site.keys, site.records_url, site.store_url, site.engine, largest_file=1000)
    try:
        ada = small.user("ada")
        for content in (b"x" * 1001, iter([b"x" * 600, b"x" * 600])):
            answer = ada.http.put("/v1/files/large", content=content)
            assert answer.status_code == 413 and "1000 bytes" in answer.json()["detail"]
        assert ada.http.put("/v1/files/fits", content=b"x" * 1000).status_code == 201
        assert stored(site) == {"files/ada/fits"}
    finally:
        small.close()


def test_who_is_refused_while_sending_gets_to_read_why(shared_site: Site) -> None:
    answer = shared_site.bearer("nonsense").http.put("/v1/files/large", content=b"x" * 6_000_000)
    assert answer.status_code == 401


@settings(max_examples=20, deadline=None)
@given(data=st.binary(max_size=5000), start=st.integers(0, 5000), length=st.integers(1, 5000))
def test_any_bytes_and_any_range(shared_site: Site, data: bytes, start: int, length: int) -> None:
    ada = shared_site.user("ada-bytes")
    ada.put("any", data)
    answer = ada.http.get("/v1/files/any", headers={"Range": f"bytes={start}-{start + length - 1}"})
    expected = data[start : start + length]
    assert answer.content == expected if expected else answer.status_code == 416


@pytest.mark.thorough
def test_a_file_that_is_replaced_while_it_is_read_comes_as_one_version(site: Site) -> None:
    ada = site.user("ada")
    versions = [bytes([65 + number]) * (200_000 + 70_000 * number) for number in range(4)]
    ada.put("f", versions[0])
    stop = threading.Event()

    def replace() -> None:
        other = site.user("ada")
        while not stop.is_set():
            for version in versions:
                other.put("f", version)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(60):
            answer = ada.http.get("/v1/files/f")
            assert answer.status_code == 200 and answer.content in versions
            assert len(answer.content) == int(answer.headers["Content-Length"])
    finally:
        stop.set()
        writer.join()


@pytest.mark.thorough
def test_a_file_that_shrinks_while_it_is_read_ends_the_connection(site: Site, tmp_path: Path) -> None:
    """Only what writes past the service can do that: a short body never looks like a whole one."""
    ada = site.user("ada")
    ada.put("f", bytes(64 << 20))
    with ada.http.stream("GET", "/v1/files/f") as answer:
        chunks = answer.iter_raw(65536)
        next(chunks)
        os.truncate(tmp_path / "data/files/ada/f", 1 << 20)
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in chunks:
                pass
    assert ada.http.get("/healthz").status_code == 200


def test_links_that_a_job_planted_lead_nowhere(site: Site, tmp_path: Path) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    bob.put("secret", b"bob's")
    ada.put("mine", b"ada's")
    area = tmp_path / "data/files/ada"
    (area / "file").symlink_to("../bob/secret")
    (area / "folder").symlink_to("../bob")
    assert [item["path"] for item in ada.http.get("/v1/files").json()["items"]] == ["mine"]
    for path in ("file", "folder/secret"):
        for method in ("GET", "HEAD", "DELETE"):
            assert ada.http.request(method, f"/v1/files/{path}").status_code == 404
    assert ada.http.put("/v1/files/folder/secret", content=b"evil").status_code == 400
    answer = ada.submit(inputs=["files:folder/"])
    assert answer.status_code == 422 and "folder" in answer.json()["detail"] and "bob" not in answer.text
    answer = ada.submit(inputs=["files:mine"], output="files:folder/counts/")
    assert answer.status_code == 422 and "is below a link" in answer.json()["detail"]
    assert ada.http.put("/v1/files/file", content=b"new").status_code == 201
    assert bob.http.get("/v1/files/secret").content == b"bob's"
    assert [item["path"] for item in bob.http.get("/v1/files").json()["items"]] == ["secret"]


def test_conditions_are_obeyed_by_writers_and_readers(shared_site: Site) -> None:
    ada = shared_site.user("ada-conditions")
    url = "/v1/files/f"
    assert ada.http.put(url, content=b"1", headers={"If-Match": "*"}).status_code == 412, "there is none yet"
    assert ada.http.put(url, content=b"1", headers={"If-None-Match": "*"}).status_code == 201
    assert ada.http.put(url, content=b"2", headers={"If-None-Match": "*"}).status_code == 412
    etag = ada.http.get(url).headers["ETag"]
    assert ada.http.put(url, content=b"2", headers={"If-Match": '"other"'}).status_code == 412
    assert ada.http.put(url, content=b"2", headers={"If-Match": f"W/{etag}"}).status_code == 412, "weak ones are none"
    assert ada.http.get(url).content == b"1", "nothing was written"
    assert ada.http.put(url, content=b"22", headers={"If-Match": f'"other", {etag}'}).status_code == 201
    assert ada.http.get(url, headers={"If-Match": etag}).status_code == 412
    assert ada.http.delete(url, headers={"If-Match": etag}).status_code == 412
    new = ada.http.get(url, headers={"If-None-Match": etag})
    assert (new.status_code, new.content) == (200, b"22")
    assert ada.http.get(url, headers={"If-None-Match": new.headers["ETag"]}).status_code == 304
    assert ada.http.get(url, headers={"If-None-Match": "*"}).status_code == 304
    assert ada.http.delete(url, headers={"If-Match": new.headers["ETag"]}).status_code == 204


@pytest.mark.parametrize(("header", "value"), [("Content-Range", "bytes 0-1/4"), ("Content-Encoding", "gzip")])
def test_an_upload_of_a_part_or_in_an_encoding_is_refused(shared_site: Site, header: str, value: str) -> None:
    ada = shared_site.user("ada-parts")
    for path in ("files/part", f"bundles/{'0' * 64}"):
        answer = ada.http.put(f"/v1/{path}", content=b"ab", headers={header: value})
        assert answer.status_code == 400 and header in answer.json()["detail"]
    assert ada.http.get("/v1/files/part").status_code == 404


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["files/a.txt", f"bundles/{'0' * 64}"])
def test_an_upload_that_trickles_in_ends_and_leaves_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(uploads, "STALLED", 0.4)
    ada = site.user("ada")
    url = httpx.URL(site.url)
    with socket.create_connection((url.host, url.port), timeout=0.02) as client:
        head = f"PUT /v1/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: {ada.http.headers['Authorization']}\r\n"
        client.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode())
        answer, end = b"", time.monotonic() + 20
        while b"\r\n\r\n" not in answer and time.monotonic() < end:
            client.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answer += client.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert stored(site) == set()


def test_time_that_the_store_takes_is_not_the_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STALLED", 0.1)
    chunks = [b"a", b"b", b"c"]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def read() -> bytes:
        upload = uploads.Upload(Request({"type": "http", "headers": []}, receive), 100)

        def store() -> Iterator[bytes]:
            for chunk in upload:
                time.sleep(0.15)
                yield chunk

        return await anyio.to_thread.run_sync(lambda: b"".join(store()))

    assert anyio.run(read) == b"abc"
