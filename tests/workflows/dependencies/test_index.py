"""Wheels from an index over HTTP, which asks for a password and may break off."""

import hashlib
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fanfold.dependencies.locking import IndexAway
from fanfold.dependencies.requirements import requirements_of
from fanfold.dependencies.targets import target
from fanfold.dependencies.wheels import Wheelhouse, wheelhouse
from tests.wheels import build_wheel

TARGET = target("3.13", "x86_64-manylinux_2_36")
LOGIN = "Basic " + b64encode(b"ada:s3cret").decode()


class Index:
    """An index of one package, for those who know the password; `broken` downloads of it break off in the middle."""

    def __init__(self, wheel: Path) -> None:
        self.wheel, self.broken, self.status, self.fetched = wheel, 0, 200, 0
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                index.answer(self)

            def log_message(self, format: str, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        data = self.wheel.read_bytes()
        is_wheel = request.path.endswith(".whl")
        if request.headers.get("Authorization") != LOGIN:
            request.send_response(401)
            request.send_header("WWW-Authenticate", "Basic")
            request.end_headers()
            return
        if not is_wheel:
            link = f"/files/{self.wheel.name}#sha256={hashlib.sha256(data).hexdigest()}"
            data = f'<!DOCTYPE html><a href="{link}">{self.wheel.name}</a>'.encode()
        request.send_response(self.status if is_wheel else 200)
        request.send_header("Content-Type", "application/zip" if is_wheel else "text/html")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if is_wheel and self.is_ours(request):
            self.fetched += 1
            if self.broken:
                self.broken -= 1
                data = data[: len(data) // 2]
        if request.command == "GET":
            request.wfile.write(data)

    def is_ours(self, request: BaseHTTPRequestHandler) -> bool:
        """Whether this is no request of uv's, which reads the wheel's metadata."""
        return "httpx" in str(request.headers.get("User-Agent"))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    index = Index(build_wheel(tmp_path, "thing"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://ada:s3cret@{index.place}/wheels")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield index
    index.server.shutdown()
    index.server.server_close()


def fetched(folder: Path) -> Wheelhouse:
    job = folder / "job.py"
    job.write_text('# /// script\n# dependencies = ["thing"]\n# ///\n')
    asked = requirements_of(str(job), None)
    assert asked
    wheelhouse.cache_clear()
    return wheelhouse(asked, TARGET)


def test_a_wheel_is_fetched_with_the_indexs_password_once(index: Index, tmp_path: Path) -> None:
    found = fetched(tmp_path)
    (wheel,) = found.dependencies.wheels
    assert (found.folder / wheel.sha256).read_bytes() == index.wheel.read_bytes()
    fetched(tmp_path)
    assert index.fetched == 1


@pytest.mark.thorough
def test_a_download_that_breaks_off_begins_again_a_few_times(index: Index, tmp_path: Path) -> None:
    index.broken = 2
    assert fetched(tmp_path).dependencies.wheels
    assert index.fetched == 3


def test_an_index_that_does_not_deliver_is_told_without_its_password(index: Index, tmp_path: Path) -> None:
    fetched(tmp_path)
    for path in (tmp_path / "cache/fanfold/wheels").iterdir():
        path.unlink()
    index.status = 503
    with pytest.raises(IndexAway) as refusal:
        fetched(tmp_path)
    assert str(refusal.value) == "can't download thing-1.0-py3-none-any.whl from 127.0.0.1: status 503"
    index.status, index.broken = 200, 9
    with pytest.raises(IndexAway, match=r"can't download thing-1\.0-py3-none-any\.whl from 127\.0\.0\.1: peer closed"):
        fetched(tmp_path)
    assert list((tmp_path / "cache/fanfold/wheels").iterdir()) == []
