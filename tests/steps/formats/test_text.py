from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.formats import read, reader, writer
from fanfold_steps.formats.sources import Source
from fanfold_steps.job.formats import Text
from fanfold_storage.objects.filesystem import FilesystemObjects

PIECES = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"\r",
        b"a",
        b"longer word",
        b"\xff",
        b"\xc3",
        "é".encode(),
        "\u2028".encode(),
        b"\x85",
        b"\0",
        b"x" * 50,
    ]
)
DATA = st.lists(PIECES, max_size=60).map(b"".join)


def lines_of(data: bytes) -> list[bytes]:
    """Lines by the documented rule, without any cutting."""
    lines = data.split(b"\n")
    last = lines.pop()
    return [line.removesuffix(b"\r") for line in lines] + ([last] if last else [])


class Chunked:
    """A store that gives its one object in chunks of a chosen size."""

    url = "file:///"

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size = data, size

    def read(self, key, start=0, stop=None):
        data = self.data[start:stop]
        return (data[at : at + self.size] for at in range(0, len(data), self.size))


@pytest.mark.thorough
@given(DATA, st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=300)
def test_every_line_is_read_once_wherever_the_cuts_fall(data, split_size, chunk):
    store: Any = Chunked(data, chunk)
    source = Source(store, "f", None)
    found = []
    for start in range(0, len(data), split_size):
        for block in read(reader(Text()), source, start, min(start + split_size, len(data))):
            for offset, line in zip(block.offsets(), block.records(), strict=False):
                raw = line.encode("utf-8", "surrogateescape")
                found.append(raw)
                assert data[offset : offset + len(raw)] == raw
                assert start <= offset < start + split_size
    assert found == lines_of(data)


def test_a_file_of_many_chunks_reads_the_same_from_a_folder(tmp_path):
    data = b"".join(b"%d a line of some length\r\n" % number for number in range(100_000))
    (tmp_path / "f").write_bytes(data)
    source = Source(FilesystemObjects(tmp_path), "f", None)
    half = len(data) // 2 + 7
    blocks = [*read(reader(Text()), source, 0, half), *read(reader(Text()), source, half, len(data))]
    found = [line for block in blocks for line in block.records()]
    assert found == data.decode().replace("\r\n", "\n").split("\n")[:-1]


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (("a", 1), b"a\t1\n"),
        ("plain", b"plain\n"),
        (("a", "b", "c"), b"('a', 'b', 'c')\n"),
        ((b"raw\xff", None), b"raw\xff\tNone\n"),
        (("\udcff", 1), b"\xff\t1\n"),
        (7, b"7\n"),
    ],
)
def test_records_are_written_as_lines(record, line):
    assert writer(Text()).begin().encode([record]) == line


class Shapeless:
    """Python tells where it lies, and no more."""


class Tagged:
    def __str__(self):
        return "<b>"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (chain([1]), "an iterator has no text: yield each of its items, or a list"),
        ((one for one in [1]), "an iterator has no text"),
        (Shapeless(), "a Shapeless has no text of its own: yield its fields, or give its class a __str__"),
        (lambda: 1, "a function has no text of its own"),
    ],
)
def test_what_has_no_text_is_refused(value, problem):
    for record in (value, ("key", value), (value, 1)):
        with pytest.raises(TypeError, match=problem):
            writer(Text()).begin().encode([("a", 1), record])
    assert writer(Text()).begin().encode([("<a at 0x1>", 1), Tagged(), [1]]) == b"<a at 0x1>\t1\n<b>\n[1]\n"
