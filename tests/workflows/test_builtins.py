"""Each built-in job against plain Python, the same bytes for any cut and number of workers."""

import json
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold import builtin
from fanfold.builtin import wordcount
from fanfold.builtin.wordcount import words_in_columns
from fanfold.errors import Refused
from fanfold.planning.params import check
from fanfold.planning.planner import Places, plan, write
from fanfold.planning.sizing import Sizing
from fanfold_steps.sorting import keys
from fanfold_steps.tasks import choosing
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.worker.loop import Worker

pytestmark = pytest.mark.thorough

CHANCE = random.Random(7)
PIECES = [
    "to",
    "be",
    "or",
    "é",
    "日本",
    "\udcff",
    "a\xa0b",
    "x\u2003y",
    "\x1c",
    "\x85",
    "  ",
    "\t",
    "\u3000",
    "go",
    "\U0010ff80",
]
SPACES = st.sampled_from("a \t\x0b\x1c\x1f\x85\xa0\u2003\u200b\u3000")


@given(st.text(st.one_of(SPACES, st.characters()), min_size=5))
def test_the_words_of_a_long_line_are_those_of_a_short_one(line):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordcount, "LONG", 4)
        assert [word for word, _ in wordcount.words(line)] == line.split()


SIZES = [(1024, 1), (1024, 2), (4096, 4), (1 << 26, 1)]


def text(lines):
    return "".join(f"{' '.join(CHANCE.choices(PIECES, k=CHANCE.randint(0, 9)))}\n" for _ in range(lines))


FILES = {"a.txt": text(150), "b/c.txt": text(250), "d.txt": "", "e.txt": "no end"}


def lines():
    return [line for data in FILES.values() for line in data.removesuffix("\n").split("\n") if data]


def run(folder, name, *, params=None, partitions=1, split_size=1 << 26, workers=1, inputs=None):
    """The bytes of all parts."""
    for path, data in FILES.items():
        (folder / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / path).write_bytes(data.encode("utf-8", "surrogateescape"))
    found = builtin.load(name)
    check(found.params, params or {})
    places = Places(
        inputs or [(folder / "in").as_uri() + "/"], (folder / "out").as_uri() + "/", (folder / "job").as_uri() + "/"
    )
    sizing = Sizing(partitions, split_size, workers)
    made = plan(found.spec(), places, sizing, job_id="t", owner="o", engine="local")
    made = replace(made, conf=replace(made.conf, params=params or {}))
    write(made)
    for index in range(workers):
        Worker(JobTree.open(made.job_url), "all", index).run()
    return b"".join(part.read_bytes() for part in sorted((folder / "out").glob("part-*")))


def in_order(pairs):
    return sorted(pairs, key=lambda pair: keys.encode(pair[0]))


def written(rows):
    return "".join(f"{row}\n" for row in rows).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(("split_size", "workers"), SIZES)
@pytest.mark.parametrize("columns", [False, True])
def test_wordcount(tmp_path, monkeypatch, split_size, workers, columns):
    """By records, and in columns as it is done for large inputs."""
    monkeypatch.setattr(choosing, "WORTH_BYTES", 0 if columns else 1 << 40)
    counts = Counter(word for line in lines() for word in line.split())
    expected = written(f"{word}\t{n}" for word, n in in_order(counts.items()))
    assert run(tmp_path, "wordcount", split_size=split_size, workers=workers) == expected


def test_wordcount_in_columns_has_the_same_parts(tmp_path, monkeypatch):
    parts = []
    for least in (0, 1 << 40):
        monkeypatch.setattr(choosing, "WORTH_BYTES", least)
        run(tmp_path / str(least), "wordcount", partitions=3, split_size=2000)
        parts.append([part.read_bytes() for part in sorted((tmp_path / str(least) / "out").glob("part-*"))])
    assert parts[0] == parts[1]
    assert len(parts[0]) == 3


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=8), max_size=20))
def test_words_are_what_split_finds(texts):
    counts = words_in_columns(pl.DataFrame({"line": texts}, schema={"line": pl.String}))
    found: Counter[str] = Counter()
    for word, n in counts.iter_rows():
        found[word] += n
    assert found == Counter(word for line in texts for word in line.split())


def test_all_that_python_takes_for_white_space_separates():
    spaces = [chr(code) for code in range(sys.maxunicode) if chr(code).isspace() and chr(code) != "\n"]
    frame = words_in_columns(pl.DataFrame({"line": [f"a{space}b" for space in spaces]}))
    assert dict(frame.group_by("word").agg(pl.col("n").sum()).rows()) == {"a": len(spaces), "b": len(spaces)}


@pytest.mark.parametrize(("split_size", "workers"), SIZES)
def test_distinct(tmp_path, split_size, workers):
    expected = written(line for line, _ in in_order((line, 0) for line in set(lines())))
    assert run(tmp_path, "distinct", split_size=split_size, workers=workers) == expected


@pytest.mark.parametrize(("split_size", "workers"), SIZES)
def test_grep(tmp_path, split_size, workers):
    sizes = {"split_size": split_size, "workers": workers}
    matching = [line for line in lines() if re.search(r"^to|日.*\b", line)]
    assert run(tmp_path, "grep", params={"pattern": r"^to|日.*\b"}, **sizes) == written(matching)
    params = {"pattern": "be", "where": True, "invert": True}
    found = run(tmp_path / "where", "grep", params=params, **sizes).decode("utf-8", "surrogateescape").split("\n")[:-1]
    expected = []
    for path, data in FILES.items():
        offset = 0
        for line in data.removesuffix("\n").split("\n") if data else ():
            expected += [] if "be" in line else [f"{path}:{offset}:{line}"]
            offset += len(line.encode("utf-8", "surrogateescape")) + 1
    assert found == expected


@pytest.mark.parametrize(("split_size", "workers"), SIZES)
def test_index(tmp_path, split_size, workers):
    places: dict = {}
    for path, data in FILES.items():
        for word in data.split():
            places.setdefault(word, set()).add(path)
    expected = written("\t".join([word, *sorted(paths)]) for word, paths in in_order(places.items()))
    assert run(tmp_path, "index", split_size=split_size, workers=workers) == expected


@pytest.mark.parametrize(("split_size", "workers"), SIZES)
@pytest.mark.parametrize("of", ["words", "lines"])
def test_topk(tmp_path, split_size, workers, of):
    counts = Counter(item for line in lines() for item in ([line] if of == "lines" else line.split()))
    first = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:7]
    params = {"k": 7, "of": of}
    found = run(tmp_path, "topk", params=params, partitions=2, split_size=split_size, workers=workers)
    assert found == written(f"{item}\t{n}" for item, n in first)


def tables(folder):
    """A CSV with some keys several times, and rows of JSON with some others."""
    left = [{"id": str(CHANCE.randint(0, 40)), "name": f"n{number},é"} for number in range(60)]
    right = [{"name": number, "id": CHANCE.randint(20, 60), "tags": [number]} for number in range(60)]
    folder.mkdir()
    (folder / "left.csv").write_text("id,name\n" + "".join(f'{row["id"]},"{row["name"]}"\n' for row in left))
    (folder / "right.jsonl").write_text("".join(json.dumps(row) + "\n" for row in right))
    return left, right


def joined(left, right, how):
    """Each key in order; nested loops."""
    rows = []
    for key in sorted({row["id"] for row in left} | {str(row["id"]) for row in right}):
        lefts = [row for row in left if row["id"] == key]
        rights = [row for row in right if str(row["id"]) == key]
        for other in rights:
            rows += [{**one, "right_name": other["name"], "tags": other["tags"]} for one in lefts]
            rows += [other] if not lefts and how in ("right", "outer") else []
        rows += lefts if not rights and how in ("left", "outer") else []
    return rows


@pytest.mark.parametrize(("split_size", "workers"), [(1024, 1), (1024, 2), (1 << 26, 4)])
@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
def test_join(tmp_path, split_size, workers, how):
    left, right = tables(tmp_path / "tables")
    inputs = {
        "left": [(tmp_path / "tables" / "left.csv").as_uri()],
        "right": [(tmp_path / "tables" / "right.jsonl").as_uri()],
    }
    params = {"on": "id", "how": how}
    found = run(tmp_path, "join", params=params, split_size=split_size, workers=workers, inputs=inputs)
    assert [json.loads(line) for line in found.splitlines()] == joined(left, right, how)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("grep", {}, "pattern is missing"),
        ("grep", {"pattern": "("}, "not a regular expression"),
        ("topk", {"k": 0}, "parameter k"),
        ("join", {"on": "a", "how": "cross"}, "parameter how"),
        ("wordcount", {"k": 1}, "takes no parameters"),
    ],
)
def test_wrong_parameters_are_refused(name, params, words):
    with pytest.raises(Refused, match=words):
        check(builtin.load(name).params, params)


def test_the_help_lists_them_and_none_is_imported_for_it():
    code = (
        "import sys; from fanfold_client.main import run; status = run(['run', '--help']);"
        "sys.exit(status or any(name.startswith('fanfold.builtin.') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert all(re.search(rf"^    {name} +\S.*\S$", done.stdout, re.MULTILINE) for name in builtin.names())
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_help_of_a_built_in_tells_its_parameters():
    done = subprocess.run(
        [sys.executable, "-m", "fanfold_client", "run", "topk", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.startswith("Find the most frequent words or lines")
    assert re.search(r"--param k=… +how many to find \(default: 10\)", done.stdout)


def test_the_command_joins_two_files(tmp_path):
    tables(tmp_path / "tables")
    command = [sys.executable, "-m", "fanfold_client", "run", "join", "--input", "left=tables/left.csv"]
    command += ["--input", "right=tables/right.jsonl", "--param", "on=id", "--output", "out", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "part-00000.jsonl").read_text().startswith('{"id":"')
    (tmp_path / "tables" / "left.txt").write_text("a b\n")
    command[command.index("left=tables/left.csv")] = "left=tables/left.txt"
    done = subprocess.run([*command, "--overwrite"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "tells no format of a table" in done.stderr
