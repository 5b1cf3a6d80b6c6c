"""Files that aren't what they seem: archives, files that shrink or say they are empty, names that aren't UTF-8."""

import codecs
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import open_source, read, reader
from fanfold_steps.formats.parquet.reader import ParquetReader
from fanfold_steps.inputs.batches import FileBatches
from fanfold_steps.inputs.listing import File, list_files
from fanfold_steps.job.formats import CSV, JSONL, TSV, Fixed, Parquet, Table, Text, Whole
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_storage.errors import Unsupported
from fanfold_storage.urls import open_objects
from tests.steps.conftest import run
from tests.steps.reading import read_in_ranges

LINES = b"to be\nor not\n" * 40


def zipped():
    data = io.BytesIO()
    zipfile.ZipFile(data, "w").writestr("a.txt", LINES)
    return data.getvalue()


def tarred(mode="w"):
    data, info = io.BytesIO(), tarfile.TarInfo("a.txt")
    info.size = len(LINES)
    with tarfile.open(fileobj=data, mode=mode) as archive:
        archive.addfile(info, io.BytesIO(LINES))
    return data.getvalue()


def parquet():
    data = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), data)
    return data.getvalue()


FILES = {
    "zip": (zipped, "is a zip archive, which can't be read as records: unzip it"),
    "anything": (lambda: b"whatever it holds", "is a zip archive"),
    "tar": (tarred, "is a tar archive"),
    "tar.gz": (lambda: tarred("w:gz"), "is a tar archive"),
    "tar.xz": (lambda: tarred("w:xz"), "is a tar archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
    "rar": (lambda: b"Rar!\x1a\x07\x00", "is a rar archive"),
    "Z": (lambda: b"\x1f\x9d\x90", "is a file of compress"),
    "zip.gz": (lambda: gzip.compress(zipped()), "is a zip archive"),
    "parquet": (parquet, r"is a Parquet file.*read it by input=Parquet\(\)"),
    "snappy": (lambda: b"x", "is a file of snappy, lzo or deflate.*: decompress it"),
}


@pytest.mark.parametrize("form", [Text(), CSV(), JSONL(), Whole(), Fixed(3)], ids=lambda form: form.format)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("a", "zip"), ("a.zip", "zip"), ("b/A.ZIP", "anything"), ("a.tar", "tar"), ("a", "tar"), ("a", "tar.gz")),
        *(
            ("a.tar.gz", "tar.gz"),
            ("a.tgz", "tar.gz"),
            ("a.gz", "tar.gz"),
            ("a", "tar.xz"),
            ("a.7z", "7z"),
            ("a", "7z"),
        ),
        *(("a", "rar"), ("a.Z", "Z"), ("a", "Z"), ("a.gz", "zip.gz"), ("a", "parquet"), ("a.snappy", "snappy")),
    ],
)
def test_an_archive_is_never_read_as_records(form, name, kind):
    data, words = FILES[kind]
    with pytest.raises(PermanentFailure, match=words):
        read_in_ranges(form, data(), 1 << 20, 100, name)


def test_its_bytes_are_read_where_that_is_said():
    assert read_in_ranges(Text(compress="none"), zipped(), 1 << 20, 100, "a.zip")[0]


def test_files_that_are_records_may_be_archives(small_job):
    small_job.write_input({"a.zip": zipped(), "b.tar": tarred()})
    sizes = StageSpec(Function("tests.steps.inputs.test_files_that_are_none:size"))
    (part,) = run(small_job, sizes, input=Whole(binary=True), split_size=1 << 20).values()
    assert part == f"{len(zipped())}\n{len(tarred())}\n".encode()


def size(record):
    yield str(len(record))


def test_tables_may_be_parquet(small_job):
    small_job.write_input({"a.parquet": parquet(), "b.csv": b"a\n2\n"})
    stage = StageSpec(Function("tests.steps.inputs.test_files_that_are_none:column_a"))
    assert run(small_job, stage, input=Table(), split_size=1 << 20) == {"part-00000.txt": b"1\n2\n"}


def column_a(row):
    yield str(row["a"])


@pytest.mark.parametrize("form", [Text(), Text(encoding="utf-8"), CSV(), CSV(columns=["a"]), TSV(), JSONL()])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("unpacked", [True, False])
def test_text_in_wide_characters_is_refused(form, encoding, unpacked):
    data = "a\n1\n".encode(encoding)
    with pytest.raises(PermanentFailure, match=r"UTF-16 or UTF-32.*: convert it to UTF-8"):
        read_in_ranges(form, data if unpacked else gzip.compress(data), 1 << 20, 100, "a" if unpacked else "a.gz")


def test_the_same_bytes_are_text_in_other_places_and_encodings():
    wide = codecs.BOM_UTF16_LE
    assert read_in_ranges(Text(), b"a\n" + wide + b"b\n", 1 << 20, 100)[0][1] == (2, "\udcff\udcfeb")
    assert read_in_ranges(Text(encoding="latin-1"), wide + b"b\n", 1 << 20, 100)[0] == [(0, "ÿþb")]


@pytest.mark.parametrize("name", ["a.lzma", "a"])
def test_the_older_form_of_xz_is_read(name):
    data = lzma.compress(LINES, lzma.FORMAT_ALONE)
    found, _ = read_in_ranges(Text(), data, 1 << 20, 100, name)
    assert [record for _, record in found] == LINES.decode().splitlines()


def test_text_that_begins_like_one_is_text():
    for text in ("PK", "Rar!", "]\0\0", "PAR", "7z archive"):
        assert read_in_ranges(Text(), text.encode() + b"\nx\n", 3, 2)[0][0] == (0, text)


def test_why_a_compressed_file_is_refused_is_told_with_what_helps():
    with pytest.raises(PermanentFailure, match="Other bytes may follow what was compressed"):
        read_in_ranges(Text(), gzip.compress(LINES) + b"a signature that somebody added", 1 << 20)


@pytest.mark.parametrize("form", [Text(), JSONL(), CSV(), Fixed(1), Whole(), Whole(binary=True)])
@pytest.mark.parametrize("compress", [None, "gzip"])
def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path, form, compress, monkeypatch):
    data = b"1\n" * 3000
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(data, 0) if compress else data)
    (file,) = list_files(path.as_uri())
    store = open_objects(file.root)
    original = type(store).read

    def cut_short(self, key, start=0, stop=None):
        return original(self, key, start, min(stop or file.size, file.size - 7))

    monkeypatch.setattr(type(store), "read", cut_short)
    with pytest.raises(
        PermanentFailure, match=r"/f (ended at byte .*, but had .*changed while it was being read|is cut short)"
    ):
        for batch in FileBatches([file], [(0, 0, file.size)], form, open_objects, 1 << 20):
            batch.records()


def test_a_file_that_is_changed_while_it_is_read_is_told(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"1\n" * 3000)
    (file,) = list_files(path.as_uri())
    batches = iter(FileBatches([file], [(0, 0, file.size)], Text(), open_objects, 1 << 20))
    next(batches)
    os.utime(path, (1, 1))
    with pytest.raises(PermanentFailure, match="was changed after the job began"):
        list(batches)


def test_what_is_appended_while_it_is_read_is_not_read(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"1\n2")
    (file,) = list_files(path.as_uri())
    path.write_bytes(b"1\n23\n4\n")
    source = replace(open_source(open_objects(file.root), file.key, None), size=file.size)
    assert [block.records() for block in read(reader(Text()), source, 0, file.size)] == [["1"], ["2"]]


def test_files_that_say_they_are_empty_but_are_not_are_refused():
    assert Path("/proc/self/status").stat().st_size == 0
    with pytest.raises(Unsupported, match=r"/status claims to have 0 bytes, but has more.*copy it"):
        list_files("file:///proc/self/status")


def test_empty_files_are_empty(tmp_path):
    (tmp_path / "f").touch()
    (file,) = list_files(tmp_path.as_uri())
    assert file == File(tmp_path.as_uri() + "/", "f", 0, file.modified)


def test_bad_records_of_a_file_whose_name_is_not_utf8_are_put_aside(small_job):
    folder = small_job.root / "in"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_bytes(b"a 1\nbad\n")
    stage = StageSpec(Function("tests.steps.functions:raises_on_bad"), Aggregate("Count"))
    run(small_job, stage, on_error=Skip(1.0))
    (entry,) = (small_job.root / "out/_quarantine/part-00000.jsonl").read_text().splitlines()
    assert json.loads(entry)["file"] == "caf\\xe9.txt"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pa.array([0, 10**18], pa.timestamp("us")), "a time outside the years 1 to 9999"),
        (pa.array([0, 10**7], pa.int32()).cast(pa.date32()), "a date outside the years 1 to 9999"),
        (pa.array([1000, 1001], pa.timestamp("ns")), "a time with nanoseconds"),
        (pa.array([0, 2**62], pa.duration("s")), "a duration too long for Python's timedelta"),
        (pa.array([[0], [1]], pa.list_(pa.time64("ns"))), "a time with nanoseconds"),
    ],
)
def test_times_that_python_does_not_hold_are_bad_records(small_job, values, words):
    data = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2], "t": values}), data)
    small_job.write_input({"a.parquet": data.getvalue()})
    stage = StageSpec(Function("tests.steps.inputs.test_files_that_are_none:number"))
    (part,) = run(small_job, stage, input=Parquet(), on_error=Skip(1.0)).values()
    assert part == b"1\n"
    (entry,) = (small_job.root / "out/_quarantine/part-00000.jsonl").read_text().splitlines()
    assert f"the column 't' holds {words}" in json.loads(entry)["problem"]
    other = type(small_job)(small_job.root / "other")
    other.write_input({"a.parquet": data.getvalue()})
    with pytest.raises(PermanentFailure, match=words):
        run(other, stage, input=Parquet())


def number(row):
    yield str(row["n"])


@pytest.mark.parametrize("zone", ["+05:30", "-02:15", "Mars/Olympus", "UTC", "Europe/Berlin"])
def test_times_of_any_zone_are_the_same_instants(tmp_path, zone):
    pq.write_table(pa.table({"t": pa.array([0], pa.timestamp("us", zone))}), tmp_path / "f.parquet")
    source = open_source(open_objects(tmp_path.as_uri() + "/"), "f.parquet", "none")
    (block,) = ParquetReader(Parquet()).blocks(source, 0, None)
    (row,) = block.records()
    assert row["t"].timestamp() == 0 and row["t"].tzinfo is not None
    if zone != "Mars/Olympus":
        assert block.frame()["t"].dt.epoch("us").to_list() == [0]


def test_a_file_of_two_columns_of_one_name_and_one_without_columns_are_told(tmp_path):
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "two")
    pq.write_table(pa.table({}), tmp_path / "none")
    store = open_objects(tmp_path.as_uri() + "/")
    with pytest.raises(PermanentFailure, match="isn't a valid Parquet file: it has two columns called 'a'"):
        list(reader(Parquet()).blocks(open_source(store, "two", "none"), 0, None))
    assert not list(reader(Parquet()).blocks(open_source(store, "none", "none"), 0, None))


def test_a_table_of_parquet_that_is_compressed_as_a_whole_is_told(tmp_path):
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(parquet()))
    source = open_source(open_objects(tmp_path.as_uri() + "/"), "a.parquet.gz", "gzip")
    with pytest.raises(PermanentFailure, match="compressed as a whole"):
        list(reader(Table()).blocks(source, 0, None))
