"""put, get and ls."""

import os
import signal
from pathlib import Path

import pytest

from fanfold.terminal.progress import transfer_line
from tests.client.services import People, Person


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_comes_back_as_it_went(fanfold: Person, texts: Path, tmp_path: Path):
    put = fanfold("put", texts, "texts/", "--json").json
    assert {file["path"]: file["size"] for file in put["files"]} == {
        f"texts/{name}": len(data) for name, data in tree(texts).items()
    }
    fanfold("get", "files:texts/", tmp_path / "back")
    assert tree(tmp_path / "back") == tree(texts)


def test_ls_lists_paths_that_begin_so(fanfold: Person, texts: Path):
    fanfold("put", texts, "files:texts")
    paths = [item["path"] for item in fanfold("ls", "-R", "--json").json["items"]]
    assert paths == sorted((f"texts/{name}" for name in tree(texts)), key=str.encode)
    assert [line.split("  ")[0] for line in fanfold("ls", "-R", "texts/deep").text.splitlines()] == [
        "PATH",
        "texts/deep er/b #1 100%?.txt",
    ]


@pytest.mark.thorough
def test_ls_lists_one_level_with_folders(fanfold: Person, texts: Path):
    fanfold("put", texts, "texts")
    sizes = {name: len(data) for name, data in tree(texts).items()}
    top = fanfold("ls", "--json").json["items"]
    assert [(item["path"], item["size"], item["files"]) for item in top] == [
        ("texts/", sum(sizes.values()), len(sizes))
    ]
    inside = fanfold("ls", "texts", "--json").json["items"]
    assert inside == fanfold("ls", "files:texts/", "--json").json["items"]
    names = {name.partition("/")[0] + "/" * ("/" in name) for name in sizes}
    assert {item["path"] for item in inside} == {f"texts/{name}" for name in names}
    assert "deep er/" in names and "\ntexts/deep er/  " in fanfold("ls", "texts/deep").text
    assert "1 file  " in fanfold("ls", "texts/deep").text
    assert fanfold("ls", "texts/a.txt", "--json").json["items"][0]["files"] is None


def test_ls_says_that_there_is_nothing(fanfold: Person):
    done = fanfold("ls", "nothing/", status=5)
    assert (done.text, "there are no files at files:nothing/" in done.stderr) == ("", True)
    done = fanfold("ls")
    assert (done.text, "You have no files" in done.stderr) == ("", True)  # an area of one's own may well be empty


@pytest.mark.thorough
def test_listing_goes_over_pages(fanfold: Person, tmp_path: Path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(120):  # a page has 100
        (many / f"{number:03}").write_bytes(b"x")
    fanfold("put", many, "many")
    assert len(fanfold("ls", "many/", "--json").json["items"]) == 120


@pytest.mark.parametrize(("remote", "path"), [("a/", "a/it.txt"), ("b.txt", "b.txt"), ("files:c/d.txt", "c/d.txt")])
def test_one_file(fanfold: Person, tmp_path: Path, remote: str, path: str):
    (tmp_path / "it.txt").write_bytes(b"it")
    fanfold("put", tmp_path / "it.txt", remote)
    assert [item["path"] for item in fanfold("ls", "-R", "--json").json["items"]] == [path]
    fanfold("get", path, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"it"
    (tmp_path / "folder").mkdir()
    fanfold("get", path, tmp_path / "folder")
    assert tree(tmp_path / "folder") == {path.rpartition("/")[2]: b"it"}


def test_a_large_file_streams_through(fanfold: Person, tmp_path: Path):
    data = os.urandom(5 << 20)
    (tmp_path / "large").write_bytes(data)
    fanfold("put", tmp_path / "large", "large")
    fanfold("get", "large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_what_is_not_there(fanfold: Person, tmp_path: Path):
    assert "files:gone/" in fanfold("get", "gone/", tmp_path / "x", status=5).stderr
    assert fanfold("put", tmp_path / "gone", "x", status=2).stderr
    (tmp_path / "hollow").mkdir()
    assert "contains no files" in fanfold("put", tmp_path / "hollow", "x", status=3).stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "hollow"]


def test_rm_removes_one_file_or_asks(fanfold: Person, texts: Path):
    fanfold("put", texts, "texts")
    fanfold("rm", "texts/a.txt")
    assert "Remove 3 files in files:texts/?" in fanfold("rm", "files:texts/", typed="n\n", status=130).stderr
    assert "no terminal to prompt on; use --yes" in fanfold("rm", "texts/", status=2).stderr
    assert len(fanfold("ls", "-R", "--json").json["items"]) == 3
    fanfold("rm", "texts/", "--yes")
    assert fanfold("ls").text == ""
    assert fanfold("rm", "texts/", status=5).stderr


def test_paths_lead_nowhere_else(fanfold: Person, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"a")
    fanfold("put", tmp_path / "a", "x/../../y", status=3)
    assert "role admin" in fanfold("put", tmp_path / "a", "@shared/a", status=4).stderr


def test_a_remote_is_no_place_elsewhere(fanfold: Person, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"a")
    for words in (["put", tmp_path / "a", "s3://x/y"], ["get", "s3://x/y", tmp_path], ["rm", "s3://x/y"]):
        assert "is not a path in the service: write it like files:texts/" in fanfold(*words, status=3).stderr


def test_100_percent_are_told_with_the_last_file(fanfold: Person, texts: Path):
    told = fanfold("put", texts, "texts").stderr.splitlines()
    assert [line[:21] for line in told if "100%" in line] == ["upload 100% 4/4 files"]


@pytest.mark.parametrize(("done", "total", "complete", "shown"), [(999, 1000, True, "99%"), (0, 0, False, "99%")])
def test_an_unfinished_transfer_never_shows_100_percent(done: int, total: int, complete: bool, shown: str):
    assert transfer_line("upload", done, total, 0.0, "", complete=complete).figures == shown


def test_files_are_ones_own(make_person: People, tmp_path: Path):
    ada, eve = make_person(), make_person()
    (tmp_path / "secret").write_bytes(b"ada's")
    ada("put", tmp_path / "secret", "secret")
    eve("get", "secret", tmp_path / "stolen", status=5)
    assert eve("ls", "--json").json == {"items": []}


def test_what_is_shared_is_everybodys_to_read(make_person: People, tmp_path: Path):
    admin, viewer = make_person("admin"), make_person("viewer")
    name = f"@shared/{admin.name}/a"
    (tmp_path / "a").write_bytes(b"for all")
    admin("put", tmp_path / "a", name)
    viewer("get", f"files:{name}", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"for all"
    assert viewer("put", tmp_path / "a", "mine", status=4).stderr


@pytest.mark.thorough
def test_ctrl_c_ends_an_upload_at_once(fanfold: Person, tmp_path: Path):
    for number in range(4):
        with (tmp_path / f"{number}.bin").open("wb") as file:
            file.truncate(2 << 30)  # takes far longer than anybody waits here
    with fanfold.spawn("put", tmp_path, "large") as putting:
        assert putting.stderr is not None
        assert putting.stderr.readline().startswith(b"upload 0% 0/4 files")
        putting.send_signal(signal.SIGINT)
        assert putting.wait(10) == 130
    assert fanfold("ls").text == ""
