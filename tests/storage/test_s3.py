"""Objects in S3: the contract on a real server, and what only networks have: cuts, lost answers, lax servers."""

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError, Unavailable, Unsupported
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.objects.s3_bucket import S3Bucket
from fanfold_storage.objects.staged_uploads import PART
from fanfold_storage.urls import open_objects
from tests.servers import S3Server, uploads
from tests.storage.objects_contract import MIB, ObjectsContract
from tests.storage.relay import HEADERS, Relay, relay
from tests.waiting import at_once


@pytest.fixture
def own_prefix() -> str:
    """A prefix that no other test uses."""
    return f"prefix of {uuid.uuid4().hex}"


class TestSeaweedFS(ObjectsContract):
    @pytest.fixture
    def place(self, seaweedfs_server: S3Server, own_prefix: str) -> tuple[str, Mapping[str, str]]:
        return seaweedfs_server.url(own_prefix), seaweedfs_server.environ

    @pytest.fixture
    def unseen(self, seaweedfs_server: S3Server, own_prefix: str) -> Callable[[str], list[str]]:
        return lambda key: uploads(seaweedfs_server, f"{own_prefix}/{key}")


@pytest.fixture
def objects(seaweedfs_server: S3Server, own_prefix: str) -> Objects:
    return open_objects(seaweedfs_server.url(own_prefix), seaweedfs_server.environ)


@pytest.fixture
def wire(seaweedfs_server: S3Server) -> Iterator[Relay]:
    """A relay to the server."""
    with relay(seaweedfs_server.address) as running:
        yield running


@pytest.fixture
def cut(seaweedfs_server: S3Server, own_prefix: str, wire: Relay) -> Objects:
    """The same objects through the relay."""
    environ = {**seaweedfs_server.environ, "AWS_ENDPOINT_URL": f"http://{wire.address}"}
    return open_objects(seaweedfs_server.url(own_prefix), environ)


@pytest.mark.parametrize("key", ["new\nline.txt", "\x1b[31m/a", "tab\t"])
def test_what_others_wrote_is_read_under_any_name(
    objects: Objects, seaweedfs_server: S3Server, own_prefix: str, key: str
) -> None:
    S3Bucket(seaweedfs_server.bucket, seaweedfs_server.environ).put(f"{own_prefix}/{key}", b"content")
    (found,) = objects.list()
    assert (found.key, objects.stat(key)) == (key, found)
    assert b"".join(objects.read(key, 3)) == b"tent"
    with pytest.raises(InvalidKey):
        objects.put(key, [b"ours"])


@pytest.mark.thorough
def test_uploads_by_parts(objects: Objects) -> None:
    content = bytes(range(251)) * 100_000
    for size in (PART - 1, PART, PART + 1, 2 * PART, len(content)):
        assert (
            objects.put("k", [content[start : min(size, start + 700_001)] for start in range(0, size, 700_001)]) == size
        )
        assert read_all(objects, "k") == content[:size]


def test_reading_goes_on_where_the_connection_broke(objects: Objects, cut: Objects, wire: Relay) -> None:
    content = bytes(range(251)) * 30_000
    objects.put("k", [content])
    wire.cut_after(2 * MIB, 300_000, 0, 3 * MIB)
    assert b"".join(cut.read("k", 1000)) == content[1000:]
    assert wire.cuts == 4


def test_reading_never_mixes_two_versions(objects: Objects, cut: Objects, wire: Relay) -> None:
    objects.put("k", [b"1" * 5 * MIB])
    wire.cut_after(2 * MIB)
    reading = cut.read("k")
    assert set(next(reading)) == set(b"1")
    objects.put("k", [b"2" * 5 * MIB])
    with pytest.raises(Unavailable, match="replaced while it was being read"):
        b"".join(reading)


def test_a_read_that_breaks_again_and_again_fails(objects: Objects, cut: Objects, wire: Relay) -> None:
    objects.put("k", [b"x" * MIB])
    wire.cut_after(*[HEADERS] * 5)
    with pytest.raises(Unavailable, match="keeps breaking"):
        read_all(cut, "k")
    assert wire.cuts == 5


def test_reads_that_are_given_up_leave_usable_connections(objects: Objects) -> None:
    objects.put("k", [b"x" * 5 * MIB])
    for _ in range(40):
        with contextlib.closing(objects.read("k")) as reading:  # type: ignore[type-var]
            next(reading)
    assert objects.stat("k").size == 5 * MIB


def test_a_winner_whose_answer_was_lost_learns_that_it_won(objects: Objects, cut: Objects, wire: Relay) -> None:
    assert cut.put_if_absent("first", b"x")
    wire.cut_after(0)
    assert cut.put_if_absent("k", b"mine")
    assert wire.cuts == 1
    assert read_all(objects, "k") == b"mine"
    assert not objects.put_if_absent("k", b"mine")
    wire.cut_after(0)
    assert not cut.put_if_absent("k", b"mine")
    assert wire.cuts == 2


@pytest.mark.thorough
def test_lost_answers_of_puts_and_commits(objects: Objects, cut: Objects, wire: Relay) -> None:
    wire.cut_after(0)
    cut.put("small", [b"x"])
    staged = cut.stage("staged")
    staged.write(b"x" * (PART + 1))
    handle = staged.seal()
    wire.cut_after(0)
    cut.commit(handle)
    wire.cut_after(0, 0)
    assert [found.key for found in cut.list()] == ["small", "staged"]
    wire.cut_after(0)
    cut.delete("small")
    assert wire.cuts == 5
    assert [found.key for found in objects.list()] == ["staged"]


@pytest.mark.thorough
def test_listing_more_than_a_page(objects: Objects) -> None:
    keys = [f"{number % 7}/{number}" for number in range(1100)]
    at_once(4, lambda number: [objects.put(key, [b""]) for key in keys[number::4]])
    assert [found.key for found in objects.list()] == sorted(keys)


def test_folder_marks_of_other_programs_do_not_show(
    seaweedfs_server: S3Server, own_prefix: str, objects: Objects
) -> None:
    seaweedfs_server.client()._put_object(seaweedfs_server.bucket, f"{own_prefix}/folder/", b"")
    objects.put("folder/key", [b"x"])
    assert [found.key for found in objects.list()] == ["folder/key"]


@pytest.mark.parametrize(
    ("changed", "url", "kind", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "stranger"}, None, PermissionDenied, "AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, None, PermissionDenied, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, None, PermissionDenied, "AWS_ACCESS_KEY_ID"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, None, Unavailable, "no response"),
        ({}, "s3://no-such-bucket/x", NotFound, "Create the bucket"),
    ],
)
def test_errors_say_what_where_and_how_to_mend(
    seaweedfs_server: S3Server,
    changed: dict[str, str],
    url: str | None,
    kind: type[StorageError],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fanfold_storage.objects.s3_bucket._PAUSES", (0.01,))
    objects = open_objects(url or seaweedfs_server.url("x"), {**seaweedfs_server.environ, **changed})
    with pytest.raises(kind, match=r"s3://[a-z-]+/x/k at http://") as caught:
        read_all(objects, "k")
    assert words in str(caught.value)
    assert caught.value.__cause__ is not None
    if not url:  # SeaweedFS makes a bucket at the first put
        with pytest.raises(kind, match="cannot write s3://fanfold/x/k"):
            objects.put("k", [b"x"])


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("s3://", "http://127.0.0.1:1"),
        ("s3:///key", "http://127.0.0.1:1"),
        ("s3://bucket/../x", "http://127.0.0.1:1"),
        ("s3://bucket", "127.0.0.1:1"),
        ("s3://bucket", "http://127.0.0.1:1/path"),
    ],
)
def test_urls_that_make_no_sense(url: str, endpoint: str) -> None:
    with pytest.raises(InvalidKey):
        open_objects(url, {"AWS_ENDPOINT_URL": endpoint})


class LaxServer(BaseHTTPRequestHandler):
    """An S3 server as bad as some are: it takes every put, whatever its conditions."""

    protocol_version = "HTTP/1.1"
    answers: tuple[int, ...] = (200,)

    def do_PUT(self) -> None:
        """Take it, or answer what the test says."""
        self.rfile.read(int(self.headers["Content-Length"]))
        status = self.answers[0]
        type(self).answers = self.answers[1:] or self.answers
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        """Nothing is here."""
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def lax_server(*answers: int) -> Iterator[Objects]:
    handler = type("Handler", (LaxServer,), {"answers": answers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield open_objects("s3://bucket", {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"})
        server.shutdown()
        thread.join()


def test_a_server_that_ignores_conditions_is_found_out() -> None:
    with lax_server(200) as objects:
        objects.put("k", [b"x"])
        for _ in range(2):
            with pytest.raises(Unsupported, match="ignores If-None-Match"):
                objects.put_if_absent("k", b"x")


def test_a_server_that_refuses_conditions_is_found_out() -> None:
    with lax_server(501) as objects, pytest.raises(Unsupported):
        objects.put_if_absent("k", b"x")


@pytest.mark.thorough
def test_busy_servers_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_storage.objects.s3_bucket._PAUSES", (0.01,) * 3)
    with lax_server(503, 500, 429, 200) as objects:
        assert objects.put("k", [b"x"]) == 1
    # The probe's 412, then 409: another put of the key is under way; then the loser's 412.
    with lax_server(412, 409, 412) as objects:
        assert not objects.put_if_absent("k", b"x")


def test_the_probe_lies_where_lists_do_not_look(seaweedfs_server: S3Server, own_prefix: str, objects: Objects) -> None:
    objects.put_if_absent("k", b"x")
    assert [found.key for found in objects.list()] == ["k"]
    listing = seaweedfs_server.client().list_objects(seaweedfs_server.bucket, prefix=f"{own_prefix}/", recursive=True)
    assert {found.object_name for found in listing} == {f"{own_prefix}/k", f"{own_prefix}/.staged/probe"}
    objects.sweep()
    assert objects.put_if_absent("k2", b"x")


def test_sweep_where_a_server_lists_uploads_by_their_whole_key_alone(
    objects: Objects, own_prefix: str, seaweedfs_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As MinIO does."""
    by_prefix = S3Bucket.uploads

    def by_key(self: S3Bucket, prefix: str) -> list[tuple[str, str]]:
        return [found for found in by_prefix(self, prefix) if found[0] == prefix]

    monkeypatch.setattr(S3Bucket, "uploads", by_key)
    handles = {}
    for key in ("jobs/1/left", "jobs/1/done", "jobs/1/aborted", "jobs/10/left"):
        staged = objects.stage(key)
        staged.write(b"x")
        handles[key] = staged.seal()
    objects.commit(handles["jobs/1/done"])
    objects.abort(handles["jobs/1/aborted"])
    objects.sweep("jobs/1/")
    with pytest.raises(NotFound):
        objects.commit(handles["jobs/1/left"])
    objects.commit(handles["jobs/10/left"])
    assert [found.key for found in objects.list()] == ["jobs/1/done", "jobs/10/left"]
    listing = seaweedfs_server.client().list_objects(seaweedfs_server.bucket, prefix=own_prefix, recursive=True)
    assert len(list(listing)) == 2, "marks are left"


def test_handles_hold_no_secret(objects: Objects) -> None:
    staged = objects.stage("k")
    staged.write(b"x")
    assert set(json.loads(staged.seal())) == {"key", "id", "marked", "etags"}
