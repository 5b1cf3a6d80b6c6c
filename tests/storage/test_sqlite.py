"""Records in SQLite: the contract, and what a file adds: history that ends, damage, several openers at once."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold_storage.errors import Compacted, PermissionDenied, StorageError, Unsupported
from fanfold_storage.records import Expect, Records, Write, sqlite
from fanfold_storage.urls import open_records
from tests.storage.processes import answer, python
from tests.storage.records_contract import Listener, RecordsContract, write
from tests.waiting import at_once


class TestSqlite(RecordsContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite://{tmp_path}/a%20folder/records.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    with contextlib.closing(open_records(f"sqlite://{path}")) as records:
        yield records


def test_reading_a_record_waits_for_no_writer(records: Records, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What expired is gone at once, too, although deleting it takes a write."""
    write(records, "stays", {"n": 1}, expires_in=100)
    write(records, "goes", {"n": 1}, expires_in=10)
    later = time.time() + 11
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with contextlib.closing(other), pytest.raises(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("fanfold_storage.records.sqlite.time.time", lambda: later)
        assert records.is_local
        assert records.get("stays") and not records.get("goes")
    assert records.transact([Expect("goes", 0)], [Write("goes", {})]), "it is absent for a writer, too"


def test_history_ends_and_says_so(records: Records, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_storage.records.sqlite.KEPT_REVISIONS", 50)
    monkeypatch.setattr("fanfold_storage.records.sqlite._COMPACT_EVERY", 10)
    first = write(records, "old/stays", {"n": 1})
    write(records, "old/goes", {"n": 1})
    before = records.scan("old/", limit=1)
    for number in range(20):
        write(records, "busy", {"n": number})
        write(records, f"short-lived/{number}", {})
        write(records, f"short-lived/{number}", None)
    recent = write(records, "old/goes", None)
    for number in range(40):
        write(records, "busy", {"n": 20 + number})
    with pytest.raises(Compacted, match="scan again"):
        records.scan("old/", after=before.records[-1].key, revision=before.revision)
    with pytest.raises(Compacted, match="scan again"):
        Listener(records.watch("old/", first)).wait_for(1)
    with pytest.raises(Compacted):
        records.scan("old/", revision=recent + 1000)
    # A recent revision is whole still, what is as old as the store included.
    page = records.scan("", revision=recent - 1)
    assert [record.key for record in page.records] == ["busy", "old/goes", "old/stays"]
    assert [record.key for record in records.scan("", revision=recent).records] == ["busy", "old/stays"]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM history").fetchone()
    assert kept < 80


def test_a_watch_with_nothing_to_tell_does_not_fall_behind(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_storage.records.sqlite.KEPT_REVISIONS", 100)
    monkeypatch.setattr("fanfold_storage.records.sqlite._COMPACT_EVERY", 10)
    quiet, paced = Listener(records.watch("quiet/", 1)), Listener(records.watch("paced/", 1))
    for round_ in range(8):
        for number in range(19):
            write(records, "busy", {"n": number})
        write(records, "paced/k", {"n": round_})
        paced.wait_for(round_ + 1)  # both watches look at the same intervals
    write(records, "quiet/k", {"n": 1})
    assert quiet.wait_for(1)[0].key == "quiet/k"
    quiet.stop()
    paced.stop()


def test_many_processes_may_open_a_new_file_at_once(path: Path) -> None:
    code = "print(open_records(sys.argv[1]).transact([Expect('k', 0)], [Write('k', {})]))"
    answers = [answer(process) for process in [python(code, f"sqlite://{path}") for _ in range(4)]]
    assert sorted(answers) == ["2", "Conflict()", "Conflict()", "Conflict()"]


def test_threads_may_open_a_new_file_at_once(path: Path) -> None:
    def create(_: int) -> object:
        with contextlib.closing(open_records(f"sqlite://{path}")) as records:
            return records.transact([Expect("k", 0)], [Write("k", {})])

    assert at_once(8, create).count(2) == 1


def test_the_file_is_its_owners_alone(records: Records, path: Path) -> None:
    write(records, "k", {})
    assert {os.stat(file).st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_files_of_another_kind_are_left_alone(path: Path) -> None:
    path.write_bytes(b"a diary\n" * 1000)
    with pytest.raises(StorageError, match="another kind of file"):
        open_records(f"sqlite://{path}")
    assert path.read_bytes() == b"a diary\n" * 1000


def test_files_of_another_version_are_left_alone(records: Records, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Unsupported, match="another version of Fanfold"):
        open_records(f"sqlite://{path}")


def test_a_place_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PermissionDenied, match="Choose another place"):
        open_records(f"sqlite://{tmp_path}/file/records.db")


@pytest.mark.parametrize("query", [sqlite._SCAN_NOW, sqlite._SCAN_THEN])
def test_a_page_reads_no_further_than_its_prefix(tmp_path: Path, query: str) -> None:
    """A list of three records is as quick to read whatever comes after it."""
    sqlite.SqliteRecords(tmp_path / "records.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "records.db")) as connection:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", [b"a"] * query.count("?")))
    assert "(key>? AND key<?)" in plan, plan
