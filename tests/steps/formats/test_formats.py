"""Every record once, wherever the cuts fall, against Python's own modules: each form, each compression."""

import bz2
import csv
import gzip
import io
import json
import lzma
from datetime import date
from itertools import pairwise
from typing import Any
from uuid import UUID

import lz4.frame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import compression, open_source, read, reader, writer
from fanfold_steps.formats.separated import reader as separated
from fanfold_steps.formats.sources import Source
from fanfold_steps.job import formats as declared
from fanfold_steps.job.formats import CSV, JSONL, TSV, Delimited, Fixed, InvalidFormat, Text, Whole
from tests.steps.reading import Chunked, read_in_ranges

ANY: Any = declared  # what no type checker would let through
backport: Any = compression._zstd()
PACK = {
    "none": lambda data: data,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "zstd": backport.compress,
    "xz": lzma.compress,
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True),
}
UNPACK = {
    "gzip": gzip.decompress,
    "bz2": bz2.decompress,
    "zstd": backport.decompress,
    "xz": lzma.decompress,
    "lz4": lz4.frame.decompress,
}
SUFFIX = {"gzip": ".gz", "bz2": ".bz2", "zstd": ".zst", "xz": ".xz", "lz4": ".lz4"}
SIZES = {"split_size": st.integers(1, 60), "chunk": st.integers(1, 40)}
CELLS = st.text(st.sampled_from(list('ab,;\t"\n\r é\u2028\x85\0')), max_size=6)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def written(rows, *, line_end="\n", delimiter=",", quoting=csv.QUOTE_ALL):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, delimiter=delimiter, quoting=quoting).writerows(rows)
    return text.getvalue().encode()


def rows_of(data, delimiter=","):
    reader = csv.reader(io.StringIO(data.decode(), newline="\n"), delimiter=delimiter, strict=True)
    return [row for row in reader if row]


def values(found):
    return [record for _, record in found]


@pytest.mark.thorough
@given(rows=ROWS, line_end=st.sampled_from(["\n", "\r\n"]), packed=st.sampled_from(list(PACK)), **SIZES)
@settings(max_examples=200, deadline=None)
def test_csv_with_newlines_in_quotes(rows, line_end, packed, split_size, chunk):
    data = written(rows, line_end=line_end)
    assert rows_of(data) == rows
    found, bad = read_in_ranges(CSV(header=False), PACK[packed](data), split_size, chunk)
    assert (values(found), bad) == (rows, [])
    starts = [len(written(rows[:number], line_end=line_end)) for number in range(len(rows))]
    assert [offset for offset, _ in found] == starts


@pytest.mark.thorough
@given(rows=ROWS, packed=st.sampled_from(list(PACK)), **SIZES)
@settings(max_examples=200, deadline=None)
def test_csv_without_newlines_in_quotes_is_split_and_each_range_knows_the_header(rows, packed, split_size, chunk):
    rows = [[cell.replace("\n", "").replace("\r", "") for cell in (row * 4)[:3]] for row in rows]
    header = ["name", "né", "x"]
    data = b"\n\r\n" + written([header, *rows], quoting=csv.QUOTE_MINIMAL)
    expected = [dict(zip(header, row, strict=True)) for row in rows_of(data)[1:]]
    for form in (CSV(quoted_newlines=False), CSV()):
        found, bad = read_in_ranges(form, PACK[packed](data), split_size, chunk)
        assert (values(found), bad) == (expected, [])
    found, _ = read_in_ranges(CSV(columns=("a", "b", "c"), header=True, quoted_newlines=False), data, split_size, chunk)
    assert [list(record) for _, record in found] == [["a", "b", "c"]] * len(rows)
    for (offset, record), (next_offset, _) in pairwise(found):
        assert rows_of(data[offset:next_offset]) == [list(record.values())]


@pytest.mark.thorough
@given(text=st.text(st.sampled_from(list('a,"\n\r\t')), max_size=40), newlines=st.booleans(), **SIZES)
@settings(max_examples=200, deadline=None)
def test_any_text_as_csv_gives_the_same_good_and_bad_records_for_any_cut(text, newlines, split_size, chunk):
    form = CSV(header=False, quoted_newlines=newlines)
    data = text.encode()
    whole = read_in_ranges(form, data, 1000)
    cut = read_in_ranges(form, data, split_size, chunk)
    assert whole[0] == cut[0]
    assert [(bad.offset, bad.problem) for bad in whole[1]] == [(bad.offset, bad.problem) for bad in cut[1]]
    try:
        expected = rows_of(data)
    except csv.Error:
        assert whole[1]
    else:
        if newlines or not whole[1]:
            assert values(whole[0]) == expected


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=10), st.integers(1, 60))
@settings(deadline=None)
def test_tsv_and_other_characters(rows, split_size):
    assert values(read_in_ranges(TSV(header=False), written(rows, delimiter="\t"), split_size)[0]) == rows
    assert values(read_in_ranges(CSV(False, delimiter=";"), written(rows, delimiter=";"), split_size)[0]) == rows
    found, bad = read_in_ranges(TSV(header=False, quote=None), b'a"\t"b\n"\t\n', split_size)
    assert (values(found), bad) == ([['a"', '"b'], ['"', ""]], [])


@pytest.mark.thorough
@given(
    records=st.lists(VALUES, max_size=10),
    gap=st.sampled_from(["\n", "\r\n", "\n\n", " \n", "\n \t\r\n"]),
    packed=st.sampled_from(list(PACK)),
    **SIZES,
)
@settings(max_examples=200, deadline=None)
def test_jsonl(records, gap, packed, split_size, chunk):
    data = "".join(json.dumps(record, ensure_ascii=False) + gap for record in records).encode("utf-8", "surrogatepass")
    found, bad = read_in_ranges(JSONL(), PACK[packed](data), split_size, chunk)
    assert (values(found), bad) == (records, [])
    for (offset, record), (following, _) in pairwise(found):
        assert json.loads(data[offset:following]) == record


@given(
    lines=st.lists(st.sampled_from([b"1", b"{}", b"[1", b"2]", b"1,2", b"\xff", b"", b" \t", b' "x" ']), max_size=9),
    **SIZES,
)
@settings(deadline=None)
def test_lines_that_are_no_json_are_told_one_by_one(lines, split_size, chunk):
    data = b"\n".join(lines)
    found, bad = read_in_ranges(JSONL(), data, split_size, chunk)
    good = [line for line in lines if line in (b"1", b"{}", b' "x" ')]
    assert values(found) == [json.loads(line) for line in good]
    assert all(data[offset:].startswith(line) for (offset, _), line in zip(found, good, strict=True))
    wrong = [line for line in lines if line in (b"[1", b"2]", b"1,2", b"\xff")]
    assert [one.text for one in bad] == [line.decode("utf-8", "backslashreplace") for line in wrong]
    assert all(data[one.offset :].startswith(line) for one, line in zip(bad, wrong, strict=True))


@pytest.mark.thorough
@given(data=st.binary(max_size=80), size=st.integers(1, 12), packed=st.sampled_from(list(PACK)), **SIZES)
@settings(max_examples=200, deadline=None)
def test_records_of_fixed_length(data, size, packed, split_size, chunk):
    form = Fixed(size, compress=packed)
    found, bad = read_in_ranges(form, PACK[packed](data), split_size, chunk)
    whole = len(data) // size * size
    assert found == [(at, data[at : at + size]) for at in range(0, whole, size)]
    assert [one.offset for one in bad] == ([whole] if whole < len(data) else [])


@pytest.mark.thorough
@given(
    pieces=st.lists(st.sampled_from([b"a", b"\0", b"\n", b"\r", b"<", b"<>", b">", b"\xff", b"<<>"]), max_size=40),
    **SIZES,
)
@settings(max_examples=200, deadline=None)
def test_other_delimiters(pieces, split_size, chunk):
    data = b"".join(pieces)
    for delimiter in (b"\0", b"<>", "<<>>", "\r\n", "<<", "\n\n", "<><"):
        end = delimiter if isinstance(delimiter, bytes) else delimiter.encode()
        expected = data.split(end)
        if not expected[-1]:
            expected.pop()
        found, _ = read_in_ranges(Delimited(delimiter), data, split_size, chunk)
        assert [record.encode("utf-8", "surrogateescape") for _, record in found] == expected
        assert all(data[at:].startswith(record) for (at, _), record in zip(found, expected, strict=True))
        assert values(read_in_ranges(Delimited(delimiter), gzip.compress(data), split_size)[0]) == values(found)


@given(data=st.binary(min_size=1, max_size=40), packed=st.sampled_from(list(PACK)), **SIZES)
@settings(deadline=None)
def test_a_file_as_one_record(data, packed, split_size, chunk):
    assert read_in_ranges(Whole(True, compress=packed), PACK[packed](data), split_size, chunk)[0] == [(0, data)]
    text = data.decode("utf-8", "surrogateescape")
    assert read_in_ranges(Whole(compress=packed), PACK[packed](data), split_size, chunk)[0] == [(0, text)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "shift_jis"])
def test_a_named_encoding_is_strict(encoding):
    lines = ["one", "", "zwei", "ア" if encoding == "shift_jis" else "é"]
    data = "\r\n".join(lines).encode(encoding)
    for split_size in range(1, len(data) + 1):
        assert values(read_in_ranges(Text(encoding), data, split_size)[0]) == lines
        assert values(read_in_ranges(Delimited("\r\n", encoding), data, split_size)[0]) == lines
    if encoding != "latin-1":  # where every byte is a character
        broken = data + b"\n\x81\n\x8d.\nlast"
        found, bad = read_in_ranges(Text(encoding), broken, 7)
        assert values(found)[-1] == "last"
        assert bad[0].offset >= len(data)
        assert f"it isn't {encoding}" in bad[0].problem


def test_a_byte_order_mark_is_in_no_record():
    mark = b"\xef\xbb\xbf"
    assert values(read_in_ranges(JSONL(), mark + b"1\n2\n", 1)[0]) == [1, 2]
    for form in (CSV(), CSV(quoted_newlines=False), CSV(encoding="utf-8-sig", quoted_newlines=False)):
        assert values(read_in_ranges(form, mark + b'"a",b\n1,2\n', 1)[0]) == [{"a": "1", "b": "2"}]
    assert values(read_in_ranges(CSV(header=False), mark + b'"a"\n', 1)[0]) == [["a"]]
    for text in (Text(), Text("utf-8"), Text("utf-8-sig"), Delimited("\n")):
        assert values(read_in_ranges(text, mark + b"a\n" + mark + b"b\n", 1)[0]) == ["a", "\ufeffb"]
    assert values(read_in_ranges(Text("latin-1"), mark + b"a\n", 1)[0]) == ["ï»¿a"]
    assert read_in_ranges(Text(), mark, 1) == ([], [])


@pytest.mark.parametrize("codec", SUFFIX)
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_several_members_and_padding_are_read_and_what_is_cut_short_is_told(codec, chunk):
    members = [b"one\ntw", b"o\n", b"", b"thr\xffee\n" * 1000]
    data = b"".join(map(PACK[codec], members))
    lines = b"".join(members).decode("utf-8", "surrogateescape").split("\n")[:-1]
    for key in ("plain.txt", f"data.txt{SUFFIX[codec]}"):
        assert values(read_in_ranges(Text(), data, 10, chunk, key)[0]) == lines
        assert values(read_in_ranges(Text(), data + b"\0" * 8, 10, chunk, key)[0]) == lines
    for end in (len(data) - 1, len(data) // 2, len(PACK[codec](members[0])) + 3):
        with pytest.raises(PermanentFailure, match=r"file:///t/f is (cut short|not a valid)") as failed:
            read_in_ranges(Text(), data[:end], 10, chunk)
        assert failed.value.kind == "input"
    with pytest.raises(PermanentFailure, match=f"not a valid {codec} file"):
        read_in_ranges(Text(), data + b"rubbish that is long enough to be told from a beginning", 10, chunk)
    with pytest.raises(PermanentFailure, match=f"{SUFFIX[codec]} is not a valid {codec} file"):
        read_in_ranges(Text(), b"just text, whatever its name is, and long enough", 10, chunk, f"x{SUFFIX[codec]}")


@pytest.mark.parametrize("codec", SUFFIX)
def test_a_damaged_archive_is_told(codec):
    data = bytearray(PACK[codec](bytes(range(256)) * 100))
    data[len(data) // 2] ^= 0xFF
    data[-6] ^= 0xFF
    with pytest.raises(PermanentFailure, match=f"not a valid {codec} file"):
        read_in_ranges(Whole(), bytes(data), 1000)


@pytest.mark.parametrize("codec", SUFFIX)
def test_unpacking_is_bounded(codec):
    packed = PACK[codec](bytes(8 << 20))
    pieces = list(map(len, compression.unpack(compression._CODECS[codec], iter([packed]), "f")))
    assert sum(pieces) == 8 << 20
    assert max(pieces) <= compression.PIECE


def test_text_that_begins_like_an_archive_is_text():
    assert values(read_in_ranges(Text(), b"BZh9 is how bzip2 begins\n", 5)[0]) == ["BZh9 is how bzip2 begins"]
    packed = gzip.compress(b"x")
    assert values(read_in_ranges(Fixed(len(packed), compress="none"), packed, 5)[0]) == [packed]


def lzma_head(dictionary: int, size: int) -> bytes:
    """How a file of LZMA's first format begins."""
    return b"\x5d" + dictionary.to_bytes(4, "little") + size.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("beginning", "is_packed"),
    [
        (lzma_head(1 << 23, 2**64 - 1), True), (lzma_head(1 << 23, 2**64 - 1)[:-1], False),
        (lzma_head(1 << 23, 2**40 - 1), True), (lzma_head(1 << 23, 2**40), False),
        (lzma_head(1 << 16, 0), True), (lzma_head((1 << 16) + 1, 0), False), (lzma_head((1 << 16) - 1, 0), False),
    ],
)  # fmt: skip
def test_what_begins_with_a_bracket_is_packed_if_its_head_makes_sense(beginning, is_packed):
    codec = compression.codec_by_magic(beginning)
    assert (codec.name if codec else None) == ("lzma" if is_packed else None)


@pytest.mark.parametrize("beginning", [b"BZh91AY&SY", b"BZh1\x17rE8P\x90", b"BZh91AY&S", b"BZh91AY&SX", b"BZh9"])
def test_bzip2_is_told_by_ten_bytes(beginning):
    codec = compression.codec_by_magic(beginning)
    assert (codec.name if codec else None) == ("bz2" if len(beginning) == 10 and beginning[-1:] != b"X" else None)


def test_a_quote_that_is_never_closed_stops_before_memory_is_full(monkeypatch):
    monkeypatch.setattr(separated, "LONGEST_QUOTED", 1000)
    data = b'a,b\n1,"open\n' + b"2,3\n" * 1000
    with pytest.raises(PermanentFailure, match="a quote isn't closed within") as failed:
        read_in_ranges(CSV(), data, 10_000, 100)
    assert failed.value.position
    assert failed.value.position.offset == 4


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("form", "data", "offset", "problem"),
    [
        (CSV(), b"a,b\n1,2\n3\n", 8, "it has 1 field, but there are 2 columns"),
        (CSV(), b'a,b\n1,"2\n', 4, "a quote isn't closed up to the file's end"),
        (CSV(quoted_newlines=False), b'a,b\n1,"2\n3"\n', 4, "don't say quoted_newlines=False"),
        (CSV(), b'a,b\n"1"2,3\n', 4, "',' expected after '\"'"),
        (CSV(encoding="ascii"), b"a,b\n1,2\n1,\xc3\xa9\n", 8, "it isn't ascii"),
        (JSONL(), b'{"a": 1}\n{"a": }\n', 9, "Expecting value (character 7)"),
        (JSONL(), b"[" * 100_000 + b"\n", 0, "nested too deeply"),
        (Fixed(4), b"abcdef", 4, "2 of 4 bytes are there"),
        (Whole(encoding="ascii"), b"\xff", 0, "it isn't ascii"),
    ],
)
def test_what_is_no_record_is_told_with_its_place(form, data, offset, problem):
    _, bad = read_in_ranges(form, data, 3)
    assert (bad[0].offset, len(bad)) == (offset, 2 if "False" in problem else 1)
    assert problem in bad[0].problem


@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"a,a\n1,2\n", "names a column twice"), (b'"a"b,c\n', "expected after"), (b'"a', "isn't closed")],
)
def test_a_header_that_is_none_is_told(data, problem):
    for form in (CSV(), CSV(quoted_newlines=False)):
        with pytest.raises(PermanentFailure, match=f"this is no header: .*{problem}"):
            read_in_ranges(form, data, 100)


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda: Text("utf-16"), "lines can't be found in utf-16"),
        (lambda: Text("klingon"), "Python has no text encoding 'klingon'"),
        (lambda: CSV(delimiter=""), "the delimiter is one character"),
        (lambda: CSV(quote=","), "must be different"),
        (lambda: CSV(columns=["a", "a"]), "columns must be one or more names, all different"),
        (lambda: TSV(columns="ab"), "columns must be a list of names"),
        (lambda: TSV(quote="\t"), "must be different"),
        (lambda: Fixed(0), "between 1 byte and 1 GiB"),
        (lambda: Delimited(b""), "at least one byte"),
        (lambda: ANY.Delimited(7), "a delimiter is a string or bytes, of at least one byte, not 7"),
        (lambda: ANY.Fixed("100"), "between 1 byte and 1 GiB, not '100'"),
        (lambda: ANY.CSV(delimiter=7), "the delimiter is one character, not 7"),
        (lambda: ANY.CSV(columns=["a", 7]), r"columns must be a list of names, not \['a', 7\]"),
        (lambda: ANY.Text(7), "Python has no text encoding 7"),
        (lambda: Delimited(b"\xff"), "isn't UTF-8"),
        (lambda: Whole(True, "utf-8"), "either binary or has an encoding"),
    ],
)
def test_a_format_that_cannot_be_is_refused(declare, problem):
    with pytest.raises(InvalidFormat, match=problem):
        declare()


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda: ANY.CSV(delimeter=";"), r"CSV\(…\) has no argument `delimeter`: did you mean `delimiter`\? There are"),
        (lambda: ANY.JSONL(colour=1), r"JSONL\(…\) has no argument `colour`: leave it out. There is compress$"),
        (lambda: ANY.Fixed(), r"Fixed\(…\): missing a required argument: 'size'. There are size, compress$"),
    ],
)
def test_an_argument_that_a_format_does_not_have_is_told_with_those_there_are(declare, problem):
    with pytest.raises(TypeError, match=problem):
        declare()


HOLDS_ITSELF: list[Any] = []
HOLDS_ITSELF.append(HOLDS_ITSELF)
KEYS = st.sampled_from(["1", "true", "null", "1.5", 1, True, None, 1.5, "2026-01-31", date(2026, 1, 31), "a"])
KEYED = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def part(form, records, size=3):
    encoder = writer(form).begin()
    blocks = [encoder.encode(records[at : at + size]) for at in range(0, len(records), size)]
    return b"".join([*blocks, *encoder.end()])


@given(records=st.lists(VALUES, max_size=10), size=st.integers(1, 11))
@settings(deadline=None)
def test_what_is_written_as_jsonl_is_read_again(records, size):
    data = part(JSONL(), records, size)
    assert [json.loads(line) for line in data.split(b"\n")[:-1]] == records
    assert values(read_in_ranges(JSONL(), data, 7)[0]) == records


def count_keys(value):
    """How many keys the dicts in a value have."""
    if isinstance(value, dict):
        return len(value) + sum(map(count_keys, value.values()))
    return sum(map(count_keys, value)) if isinstance(value, list) else 0


@given(records=st.lists(KEYED, max_size=4))
@settings(deadline=None)
def test_no_two_keys_of_a_dict_become_one_in_json(records):
    try:
        lines = part(JSONL(), records).split(b"\n")[:-1]
    except TypeError as error:
        assert "two keys of a dict are the same text" in str(error)
        return
    for record, line in zip(records, lines, strict=True):
        objects: list[list[str]] = []
        json.loads(line, object_pairs_hook=lambda pairs: objects.append([key for key, _ in pairs]))  # noqa: B023
        assert all(len(set(keys)) == len(keys) for keys in objects)
        assert sum(map(len, objects)) == count_keys(record)


@pytest.mark.thorough
@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=8), delimiter=st.sampled_from(",;\t"), size=st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_what_is_written_as_csv_is_read_again(rows, delimiter, size):
    plain = CSV(False, delimiter=delimiter)
    data = part(plain, rows, size)
    assert rows_of(data, delimiter) == [list(row) for row in rows]
    assert values(read_in_ranges(plain, data, 7)[0]) == [list(row) for row in rows]
    dicts = [{"k,\n": key, "v": value} for key, value in rows]
    named = CSV(delimiter=delimiter)
    assert values(read_in_ranges(named, part(named, dicts, size), 7)[0]) == dicts


@pytest.mark.parametrize("codec", SUFFIX)
@given(records=st.lists(st.text(max_size=20), max_size=30), size=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_packed_parts_hold_the_same_bytes_however_they_are_dealt_out(codec, records, size):
    form = Text(compress=codec)
    assert writer(form).suffix == f".txt{SUFFIX[codec]}"
    packed = part(form, records, size)
    assert packed == part(form, records, 1)
    assert UNPACK[codec](packed) == part(Text(), records)


@pytest.mark.parametrize(
    ("form", "records", "data"),
    [
        (JSONL(), [("a", 1), {"é": [None, True]}, b"\xff"], b'["a",1]\n{"\xc3\xa9":[null,true]}\n"/w=="\n'),
        (CSV(), [("a", 1), (b"b\xff", None)], b"a,1\nb\xff,\n"),
        (CSV(), [{"x": 1, "y": "a,b"}, {"y": '"', "x": 2.5}], b'x,y\n1,"a,b"\n2.5,""""\n'),
        (CSV(columns=("y", "x")), [{"x": 1, "y": 2}], b"y,x\n2,1\n"),
        (CSV(columns=("y", "x")), [(2, 1)], b"y,x\n2,1\n"),
        (CSV(columns=("y", "x")), [], b"y,x\n"),
        (CSV(columns=("y", "x"), header=False), [(2, 1)], b"2,1\n"),
        (CSV(), [], b""),
        (CSV(header=True), [], b""),
        (TSV(), [("a b", "c\rd"), ("e", "")], b'"a b"\t"c\rd"\ne\t\n'),
        (Text("latin-1"), ["é"], b"\xe9\n"),
        (Text("utf-8-sig"), ["é", "f"], b"\xc3\xa9\nf\n"),
    ],
)
def test_bytes_that_are_written(form, records, data):
    assert part(form, records) == data


@pytest.mark.parametrize(
    ("form", "records", "problem"),
    [
        (JSONL(), [float("nan")], "holds NaN or an infinity, which JSON has no numbers for"),
        (JSONL(), [[{"a": -float("inf")}]], "holds NaN or an infinity"),
        (JSONL(), [HOLDS_ITSELF], "it holds itself, or is nested too deeply"),
        (JSONL(), [{"a": {1: "x", "1": "y"}}], "two keys of a dict are the same text"),
        (JSONL(), [("k", [{True: "x", "true": "y"}])], "two keys of a dict are the same text"),
        (JSONL(), [{"a": [[{None: "x", "null": "y"}]]}], "two keys of a dict are the same text"),
        (JSONL(), [{"a": {(1, 2): "x"}}], r"a dict has the key \(1, 2\), which has no text of its own"),
        (JSONL(), [{1}], "a set has no order"),
        (JSONL(), [1, {"a": ["\udcff"]}], r"aren't UTF-8: name the input's encoding, as in Text\(encoding='latin-1'\)"),
        (JSONL(), [{UUID(int=1): 1, str(UUID(int=1)): 2}], "two keys of a dict are the same text"),
        (CSV(), [("a", object())], "object has no text of its own"),
        (CSV(), [{"a": 1}, {"b": 1}], "its keys are not the columns"),
        (CSV(), [(1, 2), {"b": 1}], "its keys are not the columns"),
        (CSV(), ["text"], "a row is a dict, or a tuple or a list"),
        (CSV(), [()], "with something in it"),
        (CSV(header=True), [(1, 2)], "a header needs names"),
        (CSV(columns=("a",)), [(1, 2)], "it has 2 fields, but there is 1 column"),
        (CSV(quoted_newlines=False), [("a\nb", 2)], "a field holds a newline"),
        (TSV(quote=None), [("a\tb", 2)], "need to escape"),
        (Text("ascii"), ["é"], "ascii"),
    ],
)
def test_what_cannot_be_written_is_told(form, records, problem):
    with pytest.raises(Exception, match=problem):
        part(form, records)


@pytest.mark.parametrize(
    ("format", "data"),
    [(Text(), b"a\nb\n"), (JSONL(), b"1\n\n2\n"), (CSV(columns=["a"]), b"1\n\n2\n"), (Fixed(2), b"abcd")],
)
def test_offsets_are_found_once(format, data):
    """A mapper that asks for `ctx.source` asks at each record."""
    store: Any = Chunked(data, 100)
    source = open_source(store, "f", "none")
    (block,) = read(reader(format), source, 0, len(data))
    block.records()
    assert block.offsets() == block.offsets()
    assert isinstance(format, Fixed) or block.offsets() is block.offsets()


@given(length=st.integers(0, 60), longest=st.integers(1, 50), **SIZES)
@settings(deadline=None)
def test_a_record_longer_than_memory_allows_is_told_where_it_begins(length, longest, split_size, chunk):
    data = b"one\n" + b"x" * length + b"\nlast\n"
    store: Any = Chunked(data, chunk)
    source = Source(store, "f", None, longest=longest)
    lines: list[str] = []
    try:
        for start in range(0, len(data), split_size):
            for block in read(reader(Text()), source, start, min(start + split_size, len(data))):
                lines += block.records()
    except PermanentFailure as failure:
        assert "longer than" in failure.message and "give more --memory" in failure.message
        assert length + 1 > longest or longest < 5
    else:
        assert lines == ["one", "x" * length, "last"]
        assert length <= longest + 2 * max(chunk, split_size)
