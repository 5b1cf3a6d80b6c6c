import re
from glob import glob
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.inputs.listing import File, alternatives, list_files, matches
from fanfold_steps.inputs.splits import InvalidInputs, cut, cut_inputs, inputs_by_name
from fanfold_steps.job.formats import CSV, InputFormat, Text, Whole
from fanfold_steps.job.spec import InputSpec, JobSpec
from fanfold_storage.errors import NotFound, Unsupported
from fanfold_storage.urls import open_objects


@given(st.lists(st.integers(0, 5000), max_size=30), st.integers(1, 2000))
def test_splits_cover_every_byte_once_in_order(sizes, split_size):
    splits = cut([File("file:///", f"{n}", size) for n, size in enumerate(sizes)], split_size)
    ranges = [r for split in splits for r in split]
    assert ranges == sorted(ranges)
    for number, size in enumerate(sizes):
        mine = [(start, stop) for n, start, stop in ranges if n == number]
        assert sum(stop - start for start, stop in mine) == size
        assert all(left[1] == right[0] for left, right in pairwise(mine))
    assert all(split for split in splits)
    assert all(sum(stop - start for _, start, stop in split) <= split_size for split in splits)


def test_what_cannot_be_split_is_one_range():
    files = [
        File("file:///", key, size) for key, size in [("a.gz", 30), ("b.txt", 3), ("c.zst", 4), ("d.txt", 25), ("e", 0)]
    ]
    assert cut(files, 10) == [[(0, 0, 30)], [(1, 0, 3), (2, 0, 4)], [(3, 0, 10)], [(3, 10, 20)], [(3, 20, 25)]]
    assert cut(files[:1], 10, Text(compress="none")) == [[(0, 0, 10)], [(0, 10, 20)], [(0, 20, 30)]]
    assert cut(files[3:], 10, CSV()) == [[(0, 0, 25)]]
    assert cut(files[3:], 10, CSV(quote=None)) == [[(0, 0, 10)], [(0, 10, 20)], [(0, 20, 25)]]
    assert cut(files[3:], 10, Whole()) == [[(0, 0, 25)], [(1, 0, 0)]]


def test_a_url_names_a_file_or_a_folder(tmp_path):
    (tmp_path / "a b%41").mkdir()
    (tmp_path / "a b%41" / "x.txt").write_text("x")
    (tmp_path / "a b%41" / "é.txt").write_text("yy")
    folder = (tmp_path / "a b%41").as_uri()
    assert [(file.key, file.size) for file in list_files(folder)] == [("x.txt", 1), ("é.txt", 2)]
    assert [(file.key, file.size) for file in list_files(f"{folder}/")] == [("x.txt", 1), ("é.txt", 2)]
    assert [(file.key, file.size) for file in list_files((tmp_path / "a b%41" / "é.txt").as_uri())] == [("é.txt", 2)]


def test_what_a_job_wrote_is_read_without_its_own_files(tmp_path):
    for name in ("part-00000.txt", "_SUCCESS", "_job/plan.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [file.key for file in list_files(tmp_path.as_uri())] == ["part-00000.txt"]
    (tmp_path / "_SUCCESS").unlink()
    (tmp_path / "_job/job.json").write_text("x")
    assert [file.key for file in list_files(tmp_path.as_uri())] == ["_job/job.json", "part-00000.txt"]


def test_hidden_files_are_no_data_unless_they_are_named(tmp_path):
    names = ["a.txt", ".a.txt.crc", "_SUCCESS", "_logs/history/b.txt", "sub/.hidden/c.txt", "sub/d.txt", "sub/_e.txt"]
    for name in [*names, "only/_f.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    url = tmp_path.as_uri()
    for pattern in ("", "/", "/**", "/**/*.txt"):
        assert [file.key for file in list_files(url + pattern)] == ["a.txt", "sub/d.txt"], pattern
    assert [file.key for file in list_files(f"{url}/sub/_*")] == ["_e.txt"]
    assert [file.key for file in list_files(f"{url}/_logs")] == ["history/b.txt"]
    assert [file.key for file in list_files(f"{url}/.a.txt.crc")] == [".a.txt.crc"]
    with pytest.raises(
        NotFound, match=r"no file at or below .* except some whose names begin with a dot or an underscore"
    ):
        list_files(f"{url}/only")


def test_named_outputs_are_data_of_their_own_in_patterns_too(tmp_path):
    for name in ("out/part-0", "out/rejects/part-0", "out/_job/plan.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "out/_SUCCESS").write_text('{"outputs": {"rejects": {}}}')
    for place in ("out", "ou*/", "**"):
        assert [file.key.rpartition("out/")[2] for file in list_files(f"{tmp_path.as_uri()}/{place}")] == ["part-0"]


def test_an_input_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        list_files((tmp_path / "nothing").as_uri())


@pytest.fixture
def tree(tmp_path):
    """Files in folders, a job's output and hidden files among them; and what each pattern matches."""
    names = "a.gz b.txt 2026/a.gz 2026/07/a.gz 2026/07/c[1].gz out/part-0 out/_SUCCESS out/_job/job.json .x.gz"
    for name in names.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("*.gz", ["a.gz"]),
        ("**/*.gz", ["2026/07/a.gz", "2026/07/c[1].gz", "2026/a.gz", "a.gz"]),
        ("2026/**", ["07/a.gz", "07/c[1].gz", "a.gz"]),
        ("202?/*/a.gz", ["2026/07/a.gz"]),
        ("[!a-z]*/", ["2026/07/a.gz", "2026/07/c[1].gz", "2026/a.gz"]),
        ("2026/07/c[1].gz", ["c[1].gz"]),
        ("ou*/*", ["out/part-0"]),
        (".*.gz", [".x.gz"]),
        ("*/*.gz", ["2026/a.gz"]),
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
def test_a_pattern_names_the_files_that_it_matches(tree, pattern, keys, quoted):
    url = (tree / pattern).as_uri() if quoted else f"{tree.as_uri()}/{pattern}"
    found = list_files(url + "/" * (quoted and pattern.endswith("/")))
    assert [file.key for file in found] == keys


@pytest.mark.parametrize("pattern", ["*.zip", "x*/", "2026/*.txt", "s*"])
def test_a_pattern_that_matches_nothing_is_not_found(tree, pattern):
    with pytest.raises(NotFound, match=re.escape(f"no file matches {tree.as_uri()}/{pattern}")):
        list_files(f"{tree.as_uri()}/{pattern}")


def test_a_pattern_stands_for_a_thousand_at_most(tree):
    assert len(alternatives("{0,1,2,3,4,5,6,7,8,9}" * 3)) == 1000
    with pytest.raises(Unsupported, match="stand for more than 1000 patterns: name a folder"):
        list_files(f"{tree.as_uri()}/{'{a,b}' * 40}.gz")


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("a" * 255, "*a" * 120 + "b"),
        ("a/" * 120 + "a", "**/a/" * 100 + "b"),
        ("{" * 1000, "{" * 1000 + "a"),
        ("a" * 255, "[a" * 120),
    ],
)
def test_no_pattern_takes_long(path, pattern):
    """What is tried backwards and forwards would take till the end of the world."""
    before = process_time()
    assert not matches(path, pattern)
    assert process_time() - before < 1


def test_odd_names_are_read_and_refuse_nothing(tmp_path):
    for name in ("a.txt", "new\nline.txt", "dir\x1b[31m/b.txt", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    url = tmp_path.as_uri()
    keys = ["a.txt", "c.txt", "dir\x1b[31m/b.txt", "new\nline.txt"]
    assert [file.key for file in list_files(f"{url}/")] == keys
    assert [file.key for file in list_files(f"{url}/*.txt")] == [keys[0], keys[1], keys[3]]
    assert [file.key for file in list_files(f"{url}/dir%1B%5B31m")] == ["b.txt"]
    assert [file.key for file in list_files(f"{url}/new%0Aline.txt")] == ["new\nline.txt"]
    with pytest.raises(NotFound, match="no file at or below"):
        list_files(f"{url}/no%0Aline.txt")


@pytest.mark.thorough
def test_patterns_in_a_bucket(seaweedfs_server, monkeypatch):
    for name, value in seaweedfs_server.environ.items():
        monkeypatch.setenv(name, value)
    url = seaweedfs_server.url("patterns")
    store = open_objects(url)
    for key in ("logs/a/1.gz", "logs/b/2.gz", "logs/b/deep/3.gz", "logs/4.gz", "other/5.gz"):
        store.put(key, [b"x"])
    assert [file.key for file in list_files(f"{url}/logs/*/*.gz")] == ["a/1.gz", "b/2.gz"]
    assert [file.key for file in list_files(f"{url}/**/[2-3].gz")] == ["logs/b/2.gz", "logs/b/deep/3.gz"]
    with pytest.raises(NotFound, match="no file matches"):
        list_files(f"{url}/logs/*.zip")


NAMES = st.lists(st.sampled_from(["a", "ab", ".a", "b"]), min_size=1, max_size=4).map("/".join)


@given(NAMES, st.lists(st.sampled_from(["a", "*", "?", "**", "[ab]*", "*b"]), min_size=1, max_size=5).map("/".join))
def test_patterns_match_as_pythons_own_do(tmp_path_factory, path, pattern):
    folder = tmp_path_factory.mktemp("tree")
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("")
    files = glob(f"{pattern}/*" if pattern.endswith("**") else pattern, root_dir=folder, recursive=True)
    assert matches(path, pattern) == (path in files)


@pytest.mark.thorough
def test_many_wildcards_take_no_longer():
    assert not matches("/".join("ab" * 500), "/".join(["**", "a"] * 400))
    assert not matches("a" * 250, "*a" * 120 + "b")


JOIN = JobSpec(inputs={"users": InputSpec(CSV()), "orders": InputSpec()})


@pytest.mark.parametrize(
    ("spec", "inputs", "words"),
    [
        (JobSpec(), [], "has no input: give at least one"),
        (JobSpec(), {"users": ["a"]}, "the job's input has no name, but one called users was given"),
        (JOIN, ["a"], r"reads named inputs \(users, orders\): say which, as --input users=PLACE"),
        (JOIN, {"users": ["a"]}, "has no input orders: give at least one"),
        (JOIN, {"users": ["a"], "orders": []}, "has no input orders: give at least one"),
        (JOIN, {"users": ["a"], "orders": ["b"], "others": ["c"]}, "no input called others: it reads users, orders"),
    ],
)
def test_inputs_that_are_not_the_jobs_are_refused(spec, inputs, words):
    with pytest.raises(InvalidInputs, match=words):
        inputs_by_name(spec, inputs)


def test_a_split_belongs_to_one_input():
    files = [File("file:///", key, 6, input=name) for name, key in [("users", "a"), ("users", "b"), ("orders", "c")]]
    formats: dict[str, InputFormat] = {"users": CSV(), "orders": Text()}
    assert cut_inputs(files, 100, formats) == [[(0, 0, 6), (1, 0, 6)], [(2, 0, 6)]]
    assert cut_inputs(files, 4, formats) == [[(0, 0, 6)], [(1, 0, 6)], [(2, 0, 4)], [(2, 4, 6)]]
