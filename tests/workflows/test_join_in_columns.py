"""The built-in join by columns gives what it gives by records: the same bytes, counters and refusals."""

import gzip
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold import builtin
from fanfold.builtin.join.values import IS_NORMAL, by_value, normal
from fanfold.planning.planner import Places, plan, write
from fanfold.planning.sizing import Sizing
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.tables import matching, ranges, reduce
from fanfold_steps.tasks import choosing
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import Plan
from fanfold_steps.worker.loop import Worker

COLUMNS, RECORDS = 0, 1 << 40


def joined(folder, tables, worth, *, partitions=1, memory=None, **params):
    """The parts of a join, its counters, and the way in which it was done; or how it failed."""
    place = folder / str(worth)
    for path, data in tables.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    inputs = {side: [f"{(folder / side).as_uri()}/"] for side in ("left", "right")}
    places = Places(inputs, f"{(place / 'out').as_uri()}/", f"{(place / 'job').as_uri()}/")
    sizing = Sizing(partitions, 1 << 26, 1)
    made = plan(builtin.load("join").spec(), places, sizing, job_id="t", owner="o", engine="local")
    made = replace(made, conf=replace(made.conf, params=params, memory=memory))
    write(made)
    tree = JobTree.open(made.job_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "WORTH_JOINING", worth)
        patch.setattr(choosing, "WORTH_MEMORY", 0)
        try:
            Worker(tree, "all", 0).run()
        except PermanentFailure as failure:
            return (failure.kind, str(failure), failure.position), Plan.load(tree).ways[0].reduce
    way = Plan.load(tree).ways[0].reduce
    report = tree.read("report.json")
    del report["counters"]["fanfold"]["map_output_bytes"]  # runs of columns are others
    return ([part.read_bytes() for part in sorted((place / "out").glob("part-*"))], report["counters"]), way


def both(folder, tables, **asked):
    """What comes out, and how it was done where columns were worth it."""
    expected, _ = joined(folder, tables, RECORDS, **asked)
    found, way = joined(folder, tables, COLUMNS, **asked)
    assert found == expected
    return found, way


def table(*rows):
    return "".join(f"{','.join(row)}\n" for row in rows).encode()


def test_it_is_done_by_columns(tmp_path):
    tables = {
        "left/a.csv": table(["id", "name"], ["7", "ann"], ["007", "bob"], ["9", "cy"]),
        "right/b.csv": table(["id", "name"], ["7", "x"], ["7", "y"], ["8", "z"]),
    }
    found, way = both(tmp_path, tables, on="id", how="outer")
    assert way == "tables"
    assert found == (
        [
            b'{"id":"7","name":"ann","right_name":"x"}\n{"id":"7","name":"ann","right_name":"y"}\n'
            b'{"id":"007","name":"bob"}\n{"id":"8","name":"z"}\n{"id":"9","name":"cy"}\n'
        ],
        {
            "fanfold": {"input_bytes": 47, "input_records": 6, "output_bytes": 153, "output_records": 5},
            "join": {"left rows without a match": 2, "right rows without a match": 1},
        },
    )


KEYS = ["", "a", "b", "é", "日本", "7", "007", "7.0", "-7", "2020-01-01", "2020-01-01T00:00", "True", "true",
        "P1D", "PT24H",
        "Paul", "[1]", "[ 1 ]", "1e5", "100000", "0", "00", "x" * 9, "x" * 7, "x" * 8, " 7", "7 "]  # fmt: skip
FIELDS = ["", "plain", "äöü", "a,b", 'say "hi"', "two\nlines", "two\r\nlines", "back\\slash", "tab\t", "\x7f\x1b",
          "\u2028", "\ufeff", "\U0010ff80", "\U0010fffd", "x^", "x" * 30, "'", "\x01"]  # fmt: skip
HOWS = ["inner", "left", "right", "outer"]


def quoted(field, chance):
    if any(character in field for character in ',"\n\r') or chance.random() < 0.2:
        return '"' + field.replace('"', '""') + '"'
    return field


def csv_of(chance, names, fields, rows, keys):
    end = chance.choice(["\n", "\n", "\n", "\r\n"])
    lines = [",".join(quoted(name, chance) for name in names)]
    for _ in range(rows):
        row = [chance.choice(KEYS if name in keys else fields) for name in names]
        lines.append(",".join(quoted(field, chance) for field in row))
        if chance.random() < 0.02:
            lines.append("")
    text = end.join(lines) + chance.choice(["", end, end + end])
    return chance.choice(["", "", "\ufeff"]).encode() + text.encode()


@pytest.mark.parametrize("seed", range(40))
def test_the_same_bytes_for_tables_of_all_kinds(tmp_path, seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(matching, "LEAST_AT_ONCE", chance.choice([1, 5, 1 << 20]))
    monkeypatch.setattr(reduce, "_SWELLING", chance.choice([3, 1 << 20, 1 << 24]))
    monkeypatch.setattr(ranges, "_SAMPLE", chance.choice([1, 64]))
    names = {
        "left": chance.sample(["id", "b", "name", "right_name", 'say "x"', "ü"], 5),
        "right": chance.sample(["id", "key", "name", "right_name", "c"], 4),
    }
    count = chance.choice([1, 1, 2])
    ons = list(zip(chance.sample(names["left"], count), chance.sample(names["right"], count), strict=True))
    fields = chance.choice([["1", "plain", ""], FIELDS])
    tables = {}
    for side, columns in names.items():
        keys = {pair[side == "right"] for pair in ons}
        for number in range(chance.choice([1, 1, 3])):
            data = csv_of(chance, columns, fields, chance.choice([0, 3, 40]), keys)
            packed = chance.random() < 0.2
            tables[f"{side}/{number}.csv{'.gz' * packed}"] = gzip.compress(data) if packed else data
    on = ",".join(left if left == right else f"{left}:{right}" for left, right in ons)
    asked = {"on": on, "how": chance.choice(HOWS), "partitions": chance.choice([1, 2, 5])}
    both(tmp_path, tables, **asked)


REFUSED = {
    "no such column": b"other,name\n1,a\n",
    "a longer row": b"id,name\n1,a,b\n",
    "a shorter row": b"id,name\n1,a\n2\n",
    "an open quote": b'id,name\n1,"a\n',
    "behind a quote": b'id,name\n1,"a"b\n',
    "not UTF-8": b"id,name\n1,\xff\n",
    "a lone return": b"id,name\n1,a\rb\n",
    "a column twice": b"id,id\n1,a\n",
    "a row of blanks": b"id,name\n1,a\n  \n",
}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("what", REFUSED)
def test_the_same_refusals(tmp_path, what, side):
    tables = {f"{one}/t.csv": REFUSED[what] if one == side else b"id,name\n1,x\n" for one in ("left", "right")}
    found, _ = both(tmp_path, tables, on="id")
    assert found[1]


LATIN = {
    "left/t.csv": b"id,name\n1,caf\xe9\n2,b\n\xe9,d\n\xf4\x8f\xbf\xbd,e\n",
    "right/t.csv": b"id,m\n2,x\n\xe9\xe9,y\n\xf4\x8f\xbf\xbd,z\n",
}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("right", [b"", b"1,w\n", b"\xe9,w\n"])
def test_bytes_that_are_not_utf8_are_refused_where_they_would_be_written(tmp_path, how, right):
    found, way = both(tmp_path, LATIN | {"right/t.csv": LATIN["right/t.csv"] + right}, on="id", how=how, partitions=2)
    assert way == "tables"
    is_refused = found[0] == "reducer"
    assert is_refused == (how != "inner" or right != b"")


@pytest.mark.parametrize(
    ("left", "way"),
    [
        ({"left/a.csv": b"id,n\n1,2\n", "left/b.csv": b"n,id\n1,2\n"}, "records"),
        ({"left/a.csv": b"id,n\n1,2\n", "left/b.jsonl": b'{"id":1}\n'}, "records"),
        ({"left/a.csv": b"id,n\n1,2\n", "left/b.csv": b""}, "tables"),
        ({"left/a.csv": b"id,n\n1,2\n", "left/b.csv": b"id,n\n"}, "tables"),
        ({"left/a.csv": b""}, "records"),
        ({"left/a.tsv": b"id\tn\n1\t2\n"}, "tables"),
        ({"left/a.csv": b"id\n1\n\n1\n"}, "tables"),
        ({"left/a.csv": b"id\r\n1\r\n\r\n1\r\n"}, "tables"),
    ],
)
def test_what_columns_are_not_for_is_done_by_records(tmp_path, left, way):
    assert both(tmp_path, left | {"right/t.csv": b"id,m\n1,2\n"}, on="id", how="outer")[1] == way


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(KEYS), st.text(), st.from_regex(r"[-+0-9.PTeE:\[{TF]{1,8}", fullmatch=True))))
def test_what_looks_normal_is_its_own_key(texts):
    import polars as pl

    for text, is_normal in zip(texts, pl.Series(texts, dtype=pl.String).str.contains(IS_NORMAL), strict=True):
        assert not is_normal or by_value(text) == (text, "")
        assert normal(text) == by_value(text)[0]
