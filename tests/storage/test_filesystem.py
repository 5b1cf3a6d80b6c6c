"""Objects in a folder: the contract, and what only file systems have: links, users, full disks."""

import errno
import os
import resource
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, Unavailable
from fanfold_storage.objects import read_all
from fanfold_storage.objects.filesystem import FilesystemObjects
from fanfold_storage.objects.folders import explained
from fanfold_storage.urls import open_objects, without_links
from tests.storage.objects_contract import ObjectsContract
from tests.storage.processes import answer, python


class TestFilesystem(ObjectsContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> tuple[str, Mapping[str, str]]:
        return str(tmp_path / "root" / "of it all"), {}

    @pytest.fixture
    def unseen(self, tmp_path: Path) -> Callable[[str], list[str]]:
        return lambda key: [str(path) for path in tmp_path.glob("root/of it all/.staged/*") if quote(key) in path.name]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def objects(root: Path) -> FilesystemObjects:
    return FilesystemObjects(root)


@pytest.mark.parametrize("key", ["new\nline.txt", "\x1b[31m/a", "a\x7f/b\x01", "/".join(["long" * 60] * 6)])
def test_what_others_wrote_is_read_under_any_name(objects: FilesystemObjects, root: Path, key: str) -> None:
    (root / key).parent.mkdir(parents=True)
    (root / key).write_bytes(b"content")
    (found,) = objects.list()
    assert (found.key, objects.stat(key)) == (key, found)
    assert b"".join(objects.read(key, 3)) == b"tent"
    assert [stat.key for stat in objects.list(key[:-1])] == [key]
    with pytest.raises(InvalidKey):
        objects.put(key, [b"ours"])


def test_errors_show_names_escaped(objects: FilesystemObjects, root: Path) -> None:
    root.mkdir()
    (root / "new\nline\x1b").symlink_to("/etc/passwd")
    with pytest.raises(PermissionDenied, match=r"new\\nline\\x1b is a link that leads out"):
        read_all(objects, "new\nline\x1b")


def test_links_that_lead_out_show_but_cannot_be_used(objects: FilesystemObjects, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    objects.put("inside/file", [b"mine"])
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    (root / "up").symlink_to("..")
    assert [found.key for found in objects.list()] == ["file", "folder", "inside/file", "up"]
    with pytest.raises(PermissionDenied, match="leads out of"):
        list(objects.list("folder/"))
    for key in ("file", "folder", "folder/secret", "up/outside/secret"):
        with pytest.raises(PermissionDenied, match="leads out of"):
            read_all(objects, key)
        with pytest.raises(PermissionDenied, match="leads out of"):
            objects.stat(key)
    for key in ("folder/new", "up/new"):
        with pytest.raises(PermissionDenied, match="leads out of"):
            objects.put(key, [b"x"])
        with pytest.raises(PermissionDenied, match="leads out of"):
            objects.put_if_absent(key, b"x")
    with pytest.raises(PermissionDenied, match="leads out of"):
        objects.delete("folder/secret")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "root"]
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_link_is_replaced_or_deleted_itself_never_its_target(
    objects: FilesystemObjects, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "target").write_text("kept")
    root.mkdir()
    for name in ("put", "delete"):
        (root / name).symlink_to(tmp_path / "target")
    objects.put("put", [b"new"])
    objects.delete("delete")
    assert (tmp_path / "target").read_text() == "kept"
    assert [(found.key, found.size) for found in objects.list()] == [("put", 3)]


def test_links_inside_the_root_are_followed(objects: FilesystemObjects, root: Path) -> None:
    objects.put("v3/data", [b"third"])
    (root / "latest").symlink_to("v3")
    (root / "v3" / "again").symlink_to("data")
    (root / "broken").symlink_to("nowhere")
    assert read_all(objects, "latest/data") == read_all(objects, "v3/again") == b"third"
    # A linked folder's files are listed once, under their own names.
    assert [(found.key, found.size) for found in objects.list()] == [("broken", 7), ("v3/again", 5), ("v3/data", 5)]
    with pytest.raises(NotFound):
        read_all(objects, "broken")


def test_up_to_eight_links_follow_on_each_other(objects: FilesystemObjects, root: Path) -> None:
    for number in range(10):
        objects.put(f"{number}/file", [str(number).encode()])
        (root / str(number) / "next").symlink_to(f"../{number + 1}")
    assert read_all(objects, f"0/{'next/' * 8}file") == b"8"
    with pytest.raises(NotFound):
        read_all(objects, f"0/{'next/' * 9}file")


def test_a_link_that_leads_round_in_a_circle_ends(objects: FilesystemObjects, root: Path) -> None:
    objects.put("a/file", [b"x"])
    (root / "a" / "back").symlink_to("..")
    (root / "self").symlink_to("self")
    assert [found.key for found in objects.list()] == ["a/file", "self"]
    with pytest.raises(PermissionDenied):
        read_all(objects, "self")


def test_pipes_do_not_block(objects: FilesystemObjects, root: Path) -> None:
    root.mkdir()
    os.mkfifo(root / "pipe")
    with pytest.raises(NotFound):
        read_all(objects, "pipe")


def test_a_key_cannot_be_object_and_folder(objects: FilesystemObjects) -> None:
    objects.put("a", [b"x"])
    objects.put("b/c", [b"x"])
    for refused in (
        lambda: objects.put("a/b", [b"x"]),
        lambda: objects.put_if_absent("a/b/c", b"x"),
        lambda: objects.put("b", [b"x"]),
        lambda: objects.put_if_absent("b", b"x"),
    ):
        with pytest.raises(InvalidKey, match=r"is a (file|folder)"):
            refused()
    for key in ("a/b", "a/b/c"):
        with pytest.raises(NotFound):
            read_all(objects, key)
        objects.delete(key)
    assert [found.key for found in objects.list()] == ["a", "b/c"]
    objects.sweep()


def test_nothing_is_left_but_what_was_put(objects: FilesystemObjects, root: Path) -> None:
    long = "/".join(["x" * 200] * 5)
    objects.put(long, [b"x"])
    objects.put_if_absent("a/b", b"x")
    staged = objects.stage(long + "2")
    objects.commit(staged.seal())
    objects.stage("c").abort()
    objects.delete("a/b")
    files = [path for path in root.rglob("*") if not path.is_dir()]
    assert sorted(str(path.relative_to(root)) for path in files) == [long, long + "2"]
    assert list((root / ".staged").iterdir()) == []
    objects.sweep()
    assert [path.name for path in root.iterdir()] == ["x" * 200]


def test_bytes_and_name_are_durable_before_a_write_returns_but_for_hints(
    objects: FilesystemObjects, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.mkdir()
    (root / "task").mkdir()
    (root / ".staged").mkdir()
    done: list[str] = []

    def spy(name: str, call: Callable[..., None]) -> None:
        def record(*arguments: Any, **named: Any) -> None:
            call(*arguments, **named)
            of_folder = name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            done.append(f"{name} folder" if of_folder else name)

        monkeypatch.setattr(os, name, record)

    for name, call in (("fsync", os.fsync), ("rename", os.rename), ("link", os.link)):
        spy(name, call)
    objects.put("task/run", [b"x"])
    assert done == ["fsync", "rename", "fsync folder"]
    done.clear()
    objects.put_if_absent("task/commit", b"x")
    assert done == ["fsync", "link", "fsync folder"]
    done.clear()
    objects.put_if_absent("task/claim", b"x", hint=True)
    objects.put_if_absent("task/claim-2", b"x", hint=True)
    objects.put("task/beat", [b"x"], hint=True)
    assert done == ["link", "link", "rename"]
    assert (root / "task/claim").samefile(root / "task/claim-2")


def test_names_that_are_no_utf8_come_through(objects: FilesystemObjects, root: Path) -> None:
    root.mkdir()
    Path(os.fsdecode(bytes(root) + b"/caf\xe9")).write_bytes(b"latin")
    (key,) = [found.key for found in objects.list()]
    assert key == "caf\udce9"
    assert read_all(objects, key) == b"latin"
    staged = objects.stage(key)
    staged.write(b"new")
    objects.commit(staged.seal())
    assert read_all(objects, key) == b"new"
    with pytest.raises(InvalidKey):
        objects.put("\ud800", [b"x"])


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may write to and reach, as a shared volume is."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def test_the_user_that_pods_run_as_in_a_shared_folder(shared: Path) -> None:
    ours = FilesystemObjects(shared)
    ours.put("ours", [b"from us"])
    user = 8737 if os.getuid() == 0 else os.getuid()
    code = """
objects = open_objects(sys.argv[1])
os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
assert objects.put_if_absent("mine/claim", b"8737")
staged = objects.stage("mine/out")
staged.write(b"x")
objects.commit(staged.seal())
objects.delete("mine/claim")
print(read_all(objects, "ours").decode())
try:
    objects.put("ours", [b"x"])
except PermissionDenied as error:
    print(error)
"""
    read, *refused = answer(python(code, str(shared), str(user))).splitlines()
    assert read == "from us"
    assert [found.key for found in ours.list()] == ["mine/out", "ours"]
    if user != os.getuid():  # in a folder of mode 1777 each user's files are theirs alone
        assert len(refused) == 1
        assert "ours: Operation not permitted. Give user 8737 the right" in refused[0]


def test_a_write_that_the_disk_refuses_leaves_nothing(root: Path) -> None:
    code = """
import resource
import tempfile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
objects = open_objects(sys.argv[1])
try:
    objects.put("large", [b"x" * 200_000])
except Unavailable as error:
    print(error)
"""
    printed = answer(python(code, str(root)))
    assert "cannot write" in printed
    assert "File too large" in printed
    assert [path.name for path in root.rglob("*")] == [".staged"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


@pytest.mark.parametrize(
    ("number", "kind", "mend"),
    [
        (errno.ENOSPC, Unavailable, "make room"),
        (errno.EDQUOT, Unavailable, "quota"),
        (errno.EACCES, PermissionDenied, f"user {os.getuid()}"),
        (errno.EROFS, PermissionDenied, "read-only"),
        (errno.ENAMETOOLONG, InvalidKey, "shorter"),
        (errno.EIO, Unavailable, "Check the disk"),
        (errno.ENOENT, NotFound, "Check the path"),
    ],
)
def test_errors_say_what_where_and_how_to_mend(number: int, kind: type[Exception], mend: str) -> None:
    with pytest.raises(kind) as caught, explained("write", Path("/data/x")):
        raise OSError(number, os.strerror(number))
    assert f"cannot write /data/x: {os.strerror(number)}. " in str(caught.value)
    assert mend in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    objects = FilesystemObjects(tmp_path / "file")
    assert list(objects.list()) == []
    with pytest.raises((NotFound, InvalidKey)):
        objects.put("a", [b"x"])


def test_links_beneath_a_services_root_lead_nowhere(tmp_path: Path) -> None:
    """A job may plant links in its output or its owner's files: no read, write, list or sweep goes through them."""
    root = tmp_path / "store"
    theirs = root / "files/bob"
    theirs.mkdir(parents=True)
    (theirs / "secret").write_text("bob's")
    (root / "files/ada").mkdir()
    (root / "files/ada/folder").symlink_to(theirs)
    (root / "files/ada/file").symlink_to(theirs / "secret")
    (root / "files/ada/relative").symlink_to("../bob/secret")
    (root / "files/ada/dangling").symlink_to("nowhere")
    followed = open_objects(f"file://{root}/")
    assert read_all(followed, "files/ada/file") == b"bob's", "a link is followed where the root is one person's own"
    staged = open_objects(f"file://{theirs}/").stage("kept")
    staged.seal()

    store = without_links(followed)
    assert [stat.key for stat in store.list("files/ada/")] == []
    for key in ("files/ada/file", "files/ada/relative", "files/ada/folder/secret", "files/ada/dangling"):
        for look in (store.stat, store.open, lambda key: read_all(store, key)):
            with pytest.raises(NotFound):
                look(key)
    with pytest.raises(InvalidKey, match="is a link"):
        store.put("files/ada/folder/new", [b"evil"])
    store.put("files/ada/file", [b"ada's"])
    assert (theirs / "secret").read_text() == "bob's", "a write replaces the link, not what it leads to"
    through = open_objects(f"file://{root}/files/ada/folder/")
    assert list(through.list()) == []
    through.sweep()
    with pytest.raises(NotFound):
        read_all(through, "secret")
    assert list((theirs / ".staged").iterdir()), "nothing of another's is swept"
    assert sorted(path.name for path in theirs.iterdir()) == [".staged", "secret"]


def test_links_above_a_services_root_are_the_operators(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to("disk")
    store = without_links(open_objects(f"file://{tmp_path}/data/store/"))
    store.put("files/ada/a.txt", [b"a"])
    assert (tmp_path / "disk/store/files/ada/a.txt").read_bytes() == b"a"
    assert read_all(open_objects(f"{store.url}files/ada/"), "a.txt") == b"a"
