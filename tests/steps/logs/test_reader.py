"""One reader of all workers' logs: in order of time, from a position on, bounded whatever a job's code wrote there."""

import base64
import zlib
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.logs import reader as reader_module
from fanfold_steps.logs.line import LogLine, Mark, parsed, task_filter
from fanfold_steps.logs.reader import InvalidPosition, LogReader
from fanfold_storage.objects.filesystem import FilesystemObjects

START = "0000000000000000000"


@pytest.fixture
def objects(tmp_path):
    return FilesystemObjects(tmp_path)


def line(time, text, worker="map-0", task="0/map/1", mark=Mark.PRINTED):
    return LogLine(time, worker, task, mark, text)


def put(objects, worker, lines, start=1, piece=0):
    data = "".join(f"{one}\n" for one in lines).encode("utf-8", "backslashreplace")
    objects.put(f"logs/{worker}/{start:020d}-{piece:05d}.txt", [data])


def texts(reader):
    return [one.text for one in reader.lines()]


@given(
    st.floats(0, 4e9),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])),
    st.sampled_from(Mark),
    st.sampled_from(["-", "0/map/12", "3/reduce/0"]),
)
def test_a_line_is_read_as_it_was_written(time, text, mark, task):
    written = line(int(time * 1000) / 1000, text, "stage-1-0", task, mark)
    read = parsed(str(written), "other", 0.0)
    assert abs(read.time - written.time) < 0.002
    assert (read.worker, read.task, read.mark, read.text) == ("stage-1-0", task, mark, text)


def test_what_a_user_prints_in_this_form_is_still_the_users(objects):
    put(objects, "map-0", [line(1, str(line(2, "claimed", mark=Mark.OWN)))])
    (read,) = LogReader(objects).lines()
    assert read.mark is Mark.PRINTED


def test_lines_of_all_workers_come_in_the_order_of_their_times(objects):
    put(objects, "map-0", [line(1, "a"), line(4, "d")])
    put(objects, "map-1", [line(2, "b"), line(3, "c"), line(5, "e")])
    assert texts(LogReader(objects)) == ["a", "b", "c", "d", "e"]


def test_a_worker_whose_clock_was_set_back_keeps_its_order(objects):
    put(objects, "map-0", [line(5, "first"), line(1, "second")])
    put(objects, "map-1", [line(3, "other")])
    assert texts(LogReader(objects)) == ["other", "first", "second"]


def test_pieces_and_starts_follow_each_other_and_grow(objects):
    put(objects, "map-0", [line(1, "a")], start=1, piece=0)
    reader = LogReader(objects)
    assert texts(reader) == ["a"]
    put(objects, "map-0", [line(1, "a"), line(2, "b")], start=1, piece=0)
    put(objects, "map-0", [line(3, "c")], start=1, piece=1)
    put(objects, "map-0", [line(4, "d")], start=2, piece=0)
    assert texts(reader) == ["b", "c", "d"]
    assert texts(reader) == []


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 40))
def test_a_reader_goes_on_from_any_position_without_a_gap_or_a_repeat(tmp_path_factory, workers, stop):
    objects = FilesystemObjects(tmp_path_factory.mktemp("logs"))
    for worker in set(workers):
        mine = [line(at, f"line {at}", f"map-{worker}") for at, other in enumerate(workers) if other == worker]
        put(objects, f"map-{worker}", mine)
    first = LogReader(objects)
    seen = [one.text for one in islice(first.lines(), stop)]
    second = LogReader.at(objects, first.position)
    assert seen + texts(second) == [f"line {at}" for at in range(len(workers))]
    assert texts(LogReader.at(objects, second.position)) == []


@pytest.mark.parametrize("position", ["x", "!!", "eJw", "é", "eNpLBAAAYgBi" * 9, "a" * 9000])
def test_what_is_no_position_is_refused(objects, position):
    with pytest.raises(InvalidPosition):
        LogReader.at(objects, position)


@pytest.mark.thorough
def test_a_small_position_that_unpacks_to_much_is_refused(objects):
    with pytest.raises(InvalidPosition):
        LogReader.at(objects, base64.urlsafe_b64encode(zlib.compress(b"a" * 50_000_000)).decode())


def test_lines_of_any_length_and_bytes_are_read_in_pieces(objects, monkeypatch):
    monkeypatch.setattr(reader_module, "LONGEST_LINE", 100)
    monkeypatch.setattr(reader_module, "SMALLEST_CHUNK", 10)
    monkeypatch.setattr(reader_module, "LARGEST_CHUNK", 64)
    objects.put(f"logs/map-0/{START}1-00000.txt", [b"\xff\x00" * 300 + b"\nshort\nno end"])
    read = texts(LogReader(objects))
    assert read[-2:] == ["short", "no end"]
    assert all(len(text) <= 400 for text in read)
    assert "".join(read[:-2]) == "\\xff\x00" * 300


def test_a_worker_that_wrote_too_much_is_cut_and_says_so_once(objects, monkeypatch):
    monkeypatch.setattr(reader_module, "MOST_BYTES", 1000)
    put(objects, "map-0", [line(at, "x" * 50) for at in range(100)])
    put(objects, "map-1", [line(500, "after")])
    reader = LogReader(objects)
    *read, cut, last = reader.lines()
    assert len(read) < 25
    assert (cut.mark, last.text) == (Mark.OWN, "after")
    assert "the rest is omitted" in cut.text
    assert texts(reader) == []


def test_more_pieces_than_a_job_writes_are_cut_and_it_is_said(objects, monkeypatch):
    monkeypatch.setattr(reader_module, "MOST_PIECES", 10)
    for number in range(20):
        put(objects, f"map-{number:02}", [line(number, f"{number}")])
    reader = LogReader(objects)
    read = texts(reader)
    assert read[:-1] == [str(number) for number in range(10)]
    assert "more than 10 pieces" in read[-1]
    assert texts(reader) == [], "it is said once"


def test_what_else_lies_there_is_not_read(objects):
    for key in ("logs/map-0/notes.txt", "logs/x.txt", "logs/../job.json".replace("../", ""), "logs/MAP/1-1.txt"):
        objects.put(key, [b"no line of a log\n"])
    assert texts(LogReader(objects)) == []


def test_a_log_of_an_older_form_is_read_as_text(objects):
    objects.put(f"logs/all-0/{1_500_000_000_000_000_000:020d}-00000.txt", [b"map/0: printed\n"])
    (read,) = LogReader(objects).lines()
    assert (read.time, read.worker, read.text) == (1.5e9, "all-0", "map/0: printed")


@pytest.mark.parametrize("text", ["", "map12", "map/", "combine/1", "1/2/3", "map/1/2", "map/x", "-1/map/0"])
def test_what_is_no_task_is_refused(text):
    with pytest.raises(ValueError, match="is not a task: write map/12"):
        task_filter(text)


def test_a_step_or_a_task_of_a_stage_is_filtered():
    tasks = ["0/map/1", "0/map/12", "1/map/1", "0/reduce/1", "-"]
    assert list(filter(task_filter("map/1"), tasks)) == ["0/map/1", "1/map/1"]
    assert list(filter(task_filter("1/map"), tasks)) == ["1/map/1"]
    assert list(filter(task_filter("map"), tasks)) == ["0/map/1", "0/map/12", "1/map/1"]
