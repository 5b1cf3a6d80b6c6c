"""What a name in a spec leads to is what the job was given, or the job is refused."""

import functools
import re
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold import Count, Job, Sum, batch
from fanfold.authoring.code.references import definition_of, reference
from fanfold.errors import InvalidJob
from fanfold.resolve import resolve
from fanfold.rules import spec
from fanfold_steps.job.spec import Function
from tests.workflows.commands import RUN, run_in


def twice(function):
    @functools.wraps(function)
    def doubled(line):
        return [(key, 2 * value) for key, value in function(line)]

    return doubled


def plain(line):
    return [(line, 1)]


class Table:
    def __init__(self, weight):
        self.weight = weight

    def words(self, line):
        return [(line, self.weight)]

    @classmethod
    def named(cls, line):
        return [(line, cls.__name__)]

    @staticmethod
    def fixed(line):
        return [(line, 3)]


class Child(Table):
    pass


@twice
def decorated(line):
    return [(line, 1)]


doubled_plain = twice(plain)
table = Table(7)
pattern = re.compile(r"\w+")
partly = functools.partial(plain)
short = lambda line: [(line, 5)]  # noqa: E731
framed = batch(plain)
made = []
for weight in (1, 2):

    def looped(line, weight=weight):
        return [(line, weight)]

    made.append(looped)


CARRIED = {
    "plain": plain,
    "decorated": decorated,
    "doubled_plain": doubled_plain,
    "table.words": table.words,
    "Table.named": Table.named,
    "Child.named": Child.named,
    "Table.fixed": Child.fixed,
    "pattern.findall": pattern.findall,
    "partly": partly,
    "short": short,
    "framed": framed,
    "looped": made[1],
}
REFUSED = [
    (
        Table(8).words,
        r"the method words of an object of class Table that no variable holds: write `name = …` with that object",
    ),
    (re.compile("a").findall, "the method findall of an object of class Pattern"),
    (twice(plain), "the function plain defined in test_references.py, line .* leads to something else"),
    (decorated.__wrapped__, "the function decorated .* leads to something else"),
    (made[0], "the function looped .* made in a loop"),
    (lambda line: [(line, 1)], "a lambda defined in test_references.py, line"),
    (functools.partial(plain), "an object of class partial that no variable holds"),
]


@pytest.mark.parametrize("name", CARRIED)
def test_a_name_leads_to_what_was_given(name):
    module, found = definition_of(CARRIED[name])
    assert (module.__name__, found) == (__name__, name)
    assert functools.reduce(getattr, name.split("."), module) == CARRIED[name]


def test_the_jobs_own_variable_comes_before_a_packages(monkeypatch):
    monkeypatch.setattr(pytest, "borrowed", pattern, raising=False)  # it was imported earlier
    assert definition_of(pattern.findall) == (sys.modules[__name__], "pattern.findall")


def test_a_method_of_a_built_in_class_is_named_by_its_class():
    assert reference(str.split).function == "builtins:str.split"
    assert reference(len).function == "builtins:len"


@pytest.mark.parametrize(("function", "words"), REFUSED)
def test_what_no_name_leads_to_is_refused_in_a_sentence(function, words):
    with pytest.raises(InvalidJob, match=words):
        Job(map=function, reduce=Sum()).compile()
    with pytest.raises(InvalidJob, match=words):
        Job(map=plain, combine=None, partition=None, reduce=Count(), inputs=None).spec() and reference(function)


def test_a_batch_of_a_named_function_is_that_function():
    assert reference(batch(plain)).function.endswith(":plain")


@pytest.mark.thorough
@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(CARRIED)), min_size=1), st.data())
def test_names_that_are_bound_anew_never_lead_to_another_function(names, data):
    """Whatever is bound to the names of a module: the reference of an object leads to it, or there is none."""
    module = type(sys)("drawn_names")
    sys.modules["drawn_names"] = module
    try:
        functions: list[Any] = []
        for number, name in enumerate(names):
            scope: dict[str, Any] = {}
            exec(f"def {name.replace('.', '_')}(line):\n    return {number}", {"__name__": "drawn_names"}, scope)
            functions.append(*scope.values())
            setattr(module, data.draw(st.sampled_from(["one", "two", functions[-1].__name__])), functions[-1])
        for function in functions:
            try:
                found = definition_of(function)
            except InvalidJob:
                assert function not in vars(module).values()
            else:
                assert functools.reduce(getattr, found[1].split("."), found[0]) is function
    finally:
        del sys.modules["drawn_names"]


JOB = """from fanfold import Job, Sum
def words(line):
    for word in line.split():
        yield word, 1
job = Job(map=words, reduce=Sum())
if __name__ == "__main__":
    job.main()
"""


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def both_ways(folder, file):
    """The parts that `fanfold run FILE` and `python FILE` write, and what they say."""
    (folder / "in.txt").write_text("b a b\n")
    found = []
    for way, command in (("run", [*RUN, file]), ("script", [sys.executable, file])):
        done = run_in(folder, *command, "--input", "in.txt", "--output", way, "--workers", "1", "--quiet")
        text = "".join(part.read_text() for part in sorted((folder / way).glob("part-*")))
        found.append((done.returncode, text, done.stderr))
    return found


LAYOUTS = {
    "a helper's function comes first": {
        "count.py": "from helper import words\n" + JOB.replace("def words", "def others"),
        "helper.py": JOB.partition("job =")[0],
    },
    "a folder without __init__.py": {
        "count.py": "from lib.names import same\n" + JOB.replace("yield word", "yield same(word)"),
        "lib/names.py": "def same(text):\n    return text\n",
    },
    "imported by name": {
        "count.py": "import importlib\nlib = importlib.import_module('names')\n"
        + JOB.replace("yield word", "yield lib.same(word)"),
        "names.py": "def same(text):\n    return text\n",
    },
    "a folder added to sys.path": {
        "count.py": "import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n"
        "from added_names import same\n" + JOB.replace("yield word", "yield same(word)"),
        "lib/added_names.py": "def same(text):\n    return text\n",
    },
    "a file's name with a hyphen": {"my-count.py": JOB},
    "a file's name with a space": {"my count.py": JOB},
}


@pytest.mark.thorough
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_command_and_the_script_find_the_same_code(layout, tmp_path):
    write(tmp_path, LAYOUTS[layout])
    file = next(iter(LAYOUTS[layout]))
    (status, text, words), script = both_ways(tmp_path, file)
    assert (status, sorted(text.splitlines())) == (0, ["a\t1", "b\t2"]), words
    assert script[:2] == (status, text), script[2]


def test_a_job_is_named_after_its_file_not_after_a_helper(tmp_path, monkeypatch):
    write(tmp_path, LAYOUTS["a helper's function comes first"])
    monkeypatch.syspath_prepend(tmp_path)
    try:
        compiled = resolve(str(tmp_path / "count.py"))
    finally:
        for name in ("count", "helper"):
            sys.modules.pop(name, None)
    assert compiled.spec.name == "count"
    assert compiled.spec.stages[0].map == Function("helper:words")
    assert compiled.bundle and sorted(compiled.bundle.names) == ["count.py", "helper.py"]


@pytest.mark.thorough
def test_a_name_bound_again_below_the_running_job_is_refused(tmp_path):
    write(tmp_path, {"count.py": JOB + "def words(line):\n    yield line, 9\n"})
    _, (status, text, words) = both_ways(tmp_path, "count.py")
    assert (status, text) == (3, "")
    assert "line 8 binds that name again" in words
    assert "Traceback" not in words


@pytest.mark.thorough
def test_a_file_that_hides_a_module_of_python_is_refused_both_ways(tmp_path):
    write(tmp_path, {"colorsys.py": JOB})
    for status, text, words in both_ways(tmp_path, "colorsys.py"):
        assert (status, text) == (3, ""), words
        assert "Python's own colorsys: rename it" in words


@pytest.mark.thorough
def test_a_file_that_is_called_like_a_built_in_job_does_not_hide_it(tmp_path):
    write(tmp_path, {"wordcount": "my data", "in.txt": "a b\n", "notes": ""})
    done = run_in(tmp_path, *RUN, "wordcount", "--input", "in.txt", "--output", "out")
    assert done.returncode == 0, done.stderr
    done = run_in(tmp_path, *RUN, "notes", "--input", "in.txt", "--output", "out2")
    assert done.returncode == 3
    assert "notes is a file, but not one in Python" in done.stderr


def test_a_files_name_without_its_ending_is_recognised(tmp_path):
    (tmp_path / "notes.py").write_text("")
    done = run_in(tmp_path, *RUN, "notes", "--input", "x", "--output", "o/")
    assert "there is no built-in job 'notes': choose one of distinct, " in done.stderr
    assert "; or notes.py, the file that is here" in done.stderr


@pytest.mark.thorough
def test_a_module_of_a_package_finds_the_same_code_as_python_does(tmp_path):
    write(tmp_path, {"pkg/count.py": "from pkg.names import X\n" + JOB, "pkg/names.py": "X = 1\n", "in.txt": "a\n"})
    done = run_in(tmp_path, sys.executable, "-m", "pkg.count", "--input", "in.txt", "--output", "out", "--quiet")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "part-00000.txt").read_text() == "a\t1\n"


@pytest.mark.parametrize("module", ["my-job", "my job", "1st", "pkg.job"])
def test_a_spec_names_a_file_of_any_name(module):
    parsed = spec.parse({"stages": [{"map": {"function": f"{module}:words"}}]})
    assert parsed.stages[0].map == Function(f"{module}:words")


@pytest.mark.parametrize("reference", ["../up:words", "a/b:words", "my.job-2:words", ":words", "a:b:c", "a:my-words"])
def test_a_spec_with_a_name_that_is_none_is_refused(reference):
    with pytest.raises(spec.InvalidSpec, match="a function is written module:name"):
        spec.parse({"stages": [{"map": {"function": reference}}]})


TABLE = """from fanfold import Job, Sum
class Table:
    def __init__(self):
        self.seen = 0
    def words(self, line):
        self.seen += 1
        return [(line, self.seen)]
table = Table()
job = Job(map=table.words, reduce=Sum())
if __name__ == "__main__":
    job.main()
"""


@pytest.mark.thorough
def test_each_attempt_has_its_own_copy_of_a_methods_object(tmp_path):
    (tmp_path / "table_job.py").write_text(TABLE)
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"{name}\n" * 700)
    command = [*RUN, "table_job.py", "--input", "a.txt", "--input", "b.txt", "--split-size", "1KiB", "--workers", "1"]
    done = run_in(tmp_path, *command, "--output", "out", "--partitions", "1")
    assert done.returncode == 0, done.stderr
    totals = dict(line.split("\t") for line in (tmp_path / "out" / "part-00000.txt").read_text().splitlines())
    assert max(map(int, totals.values())) < sum(range(701))  # the state begins anew with each of several splits
