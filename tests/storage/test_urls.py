"""Opening stores by URL: what each kind is, what it loads, and what it says when it can't."""

from pathlib import Path

import pytest

from fanfold_storage.errors import InvalidKey
from fanfold_storage.extras import to_install
from fanfold_storage.objects import read_all
from fanfold_storage.urls import open_objects, open_records
from tests.storage.processes import answer, python


def test_a_folder_may_be_named_in_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "a folder#1?"
    open_objects(str(folder)).put("k", [b"x"])
    for url in ("a folder#1?", f"{folder}/", folder.as_uri(), folder.as_uri().replace("://", "://localhost")):
        objects = open_objects(url)
        assert read_all(objects, "k") == b"x"
        assert objects.url == folder.as_uri() + "/"


@pytest.mark.parametrize("url", ["http://host/x", "gs://bucket", "file://host/x", "file://x", "S4://x"])
def test_objects_that_lie_nowhere(url: str) -> None:
    with pytest.raises(InvalidKey, match=r"(path or file:///|three slashes)"):
        open_objects(url)


@pytest.mark.parametrize("url", ["", "records.db", "sqlite://records.db", "postgres://host/x", "etcd:", "file:///x"])
def test_records_that_lie_nowhere(url: str) -> None:
    with pytest.raises(InvalidKey, match=r"(sqlite:///path|three slashes)"):
        open_records(url)


def test_a_folder_and_a_file_load_nothing_heavy(tmp_path: Path) -> None:
    code = """
open_objects(sys.argv[1]).put_if_absent("k", b"x")
open_records("sqlite://" + sys.argv[1] + "/records.db").get("k")
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    loaded = set(answer(python(code, str(tmp_path))).split())
    assert "fanfold_storage" in loaded
    assert not loaded & {"minio", "urllib3", "certifi", "grpc", "etcd3", "google", "http", "ssl", "asyncio"}


@pytest.mark.parametrize(
    ("missing", "opening", "extra"),
    [
        ("minio", "open_objects('s3://bucket/x')", "s3"),
        ("etcd3", "open_records('etcd://host:2379')", "etcd"),
        ("grpc", "open_records('etcd://host:2379')", "etcd"),
    ],
)
def test_a_missing_client_names_what_to_install(missing: str, opening: str, extra: str) -> None:
    code = f"""
sys.modules[{missing!r}] = None
try:
    {opening}
except Unsupported as error:
    print(error)
"""
    assert answer(python(code)).endswith(f"{missing} is not installed. Run: {to_install(extra)}")


def test_protobuf_in_a_form_that_etcd3_cannot_use_is_said() -> None:
    code = """
import google.protobuf.descriptor
try:
    open_records("etcd://host:2379")
except Unsupported as error:
    print(error)
"""
    environ = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "upb"}
    assert "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python" in answer(python(code, environ=environ))
