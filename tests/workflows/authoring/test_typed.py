"""Functions that were typed at a prompt, in a notebook or into standard input travel pickled; all others by name."""

import code
import io
import json
import linecache
import re
import subprocess
import sys
import types
import zipfile
from dataclasses import replace

import pytest

from fanfold import Job, Sum
from fanfold.errors import InvalidJob
from fanfold.rules import spec as rules
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.user_frames import user_traceback
from fanfold_steps.job.spec import Function, JobConf, spec_from_json
from fanfold_steps.user_code.loading import Code
from tests.workflows.authoring.test_identity import modules_of, write
from tests.workflows.commands import run_in

TYPED = """from dataclasses import dataclass
from fanfold import Job, Sum, batch
import helper
LIMIT = 2
@dataclass(frozen=True)
class Key:
    name: str
class Words:
    def __init__(self, n):
        self.n = n
    def __call__(self, line):
        return [(line, self.n)]
    def words(self, line):
        return [(line, self.n)]
def words(line):
    import lazy
    for word in line.split():
        yield Key(helper.clean(word)), LIMIT
def total(key, values):
    yield key.name, sum(values)
job = Job(map=words, reduce=total)
"""
HELPERS = {
    "helper.py": "import deeper\ndef clean(word):\n    return deeper.clean(word)\n",
    "deeper.py": "def clean(word):\n    return word.upper()\n",
    "lazy.py": "",
    "unused.py": "",
}


@pytest.fixture
def prompt(tmp_path, monkeypatch):
    """A prompt in a folder with helpers: runs source text, and returns its variables."""
    write(tmp_path, HELPERS)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__console__"}
    console = code.InteractiveConsole(namespace)

    def run(text):
        console.runcode(compile(text, "<console>", "exec"))
        return namespace

    with modules_of(tmp_path):
        yield run


def found_by_worker(folder, compiled, reference):
    """What a worker finds under a reference; it is forgotten in the end."""
    (folder / "bundle.zip").write_bytes(compiled.bundle.data)
    worker = Code(JobConf("id", compiled.spec, [], "", 1, 1, {}, "", bundle_url=(folder / "bundle.zip").as_uri()))
    try:
        worker.prepare(compiled.spec)
        return worker._import(reference)
    finally:
        worker.close()


@pytest.mark.thorough
def test_functions_of_a_prompt_travel_pickled_with_what_they_import(prompt, tmp_path):
    compiled = prompt(TYPED)["job"].compile()
    assert sorted(compiled.bundle.names) == ["deeper.py", "fanfold_pickled.pickle", "helper.py", "lazy.py"]
    assert compiled.spec.stages[0].map == Function("fanfold_pickled:words")
    assert compiled.spec.stages[0].reduce == Function("fanfold_pickled:total")
    assert compiled.spec.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert rules.parse(spec_json(compiled)) == compiled.spec == spec_from_json(spec_json(compiled))
    [(key, value)] = found_by_worker(tmp_path, compiled, "fanfold_pickled:words")("a")
    assert (key.name, value, type(key).__module__) == ("A", 2, "fanfold_pickled")
    assert "fanfold_pickled" not in sys.modules


def spec_json(compiled):
    return json.loads(rules.to_json(compiled.spec))


OTHERS = {
    "Job(map=lambda line: [(line, 9)], reduce=Sum())": 9,
    "Job(map=Words(7), reduce=Sum())": 7,
    "Job(map=Words(6).words, reduce=Sum())": 6,
    "Job(map=[lambda line, n=n: [(line, n)] for n in (4, 5)][0], reduce=Sum())": 4,
}


@pytest.mark.parametrize("text", OTHERS)
def test_whatever_is_typed_is_carried(text, prompt, tmp_path):
    job = eval(text, prompt(TYPED))
    compiled = job.compile()
    assert found_by_worker(tmp_path, compiled, compiled.spec.stages[0].map.function)("a") == [("a", OTHERS[text])]


@pytest.mark.thorough
def test_two_functions_of_one_name_have_names_of_their_own(prompt, tmp_path):
    namespace = prompt(TYPED)
    first = namespace["words"]
    prompt("def words(line):\n    return [(line, 1)]\nfrom fanfold import Stage\n")
    prompt(
        "def go(one, other):\n    return Job(stages=[Stage(map=one, reduce=Sum()), Stage(map=other, reduce=Sum())])\n"
    )
    compiled = namespace["go"](first, namespace["words"]).compile()
    references = [stage.map.function for stage in compiled.spec.stages]
    assert references == ["fanfold_pickled:words", "fanfold_pickled:words_2"]
    assert found_by_worker(tmp_path, compiled, references[1])("a") == [("a", 1)]


def test_a_batch_function_is_carried_without_what_marks_it(prompt, tmp_path):
    compiled = eval("Job(map=batch(total.__get__(1)), reduce={'n': Sum()})", prompt(TYPED)).compile()
    assert found_by_worker(tmp_path, compiled, compiled.spec.stages[0].map.batch).__name__ == "total"


def test_functions_of_modules_go_on_by_name(prompt):
    compiled = eval("Job(map=helper.clean, reduce=total)", prompt(TYPED)).compile()
    assert compiled.spec.stages[0].map == Function("helper:clean")
    assert compiled.spec.stages[0].reduce == Function("fanfold_pickled:total")
    assert sorted(compiled.bundle.names) == ["deeper.py", "fanfold_pickled.pickle", "helper.py"]
    compiled = eval("Job(map=helper.clean, reduce=Sum(), files={'x': 'unused.py'})", prompt(TYPED)).compile()
    assert compiled.spec.python is None
    assert sorted(compiled.bundle.names) == ["deeper.py", "helper.py", "unused.py"]
    assert eval("Job(map=str.split, reduce=Sum())", prompt(TYPED)).compile().bundle is None


def test_what_cant_be_pickled_is_refused(prompt):
    prompt(TYPED + "import threading\nlock = threading.Lock()\ndef locked(line):\n    with lock:\n        return []\n")
    with pytest.raises(
        InvalidJob,
        match=r"locked was typed, .* can't be: it reads 'lock' .lock.: TypeError: cannot pickle '_thread.lock'.* file",
    ):
        eval("Job(map=locked, reduce=Sum())", prompt("")).compile()


CELL = """secret = "hunter2"
def broken(line):
    inner = lambda text: int(
        text)
    return inner(line)
print(secret)
"""


def test_tracebacks_show_the_lines_of_a_cell_and_nothing_else_of_it_travels(prompt, tmp_path, monkeypatch):
    name = "/tmp/ipykernel_7/123.py"  # as a kernel names a cell, whose lines it adds there
    monkeypatch.setitem(linecache.cache, name, (len(CELL), None, CELL.splitlines(keepends=True), name))
    namespace = prompt(TYPED)
    exec(compile(CELL, name, "exec"), namespace)
    compiled = eval("Job(map=broken, reduce=Sum())", namespace).compile()
    with zipfile.ZipFile(io.BytesIO(compiled.bundle.data)) as bundle:
        assert b"hunter2" not in bundle.read("fanfold_pickled.pickle")
    with pytest.raises(ValueError, match="invalid literal") as caught:
        found_by_worker(tmp_path, compiled, "fanfold_pickled:broken")("x")
    trace = user_traceback(caught.value, tmp_path)
    assert re.search(r'File "<cell \w{8}>", line 5, in broken\n    return inner\(line\)\n', trace)
    assert re.search(r'File "<cell \w{8}>", line 3, in <lambda>\n    inner = lambda text: int\(\n', trace)
    again = eval("Job(map=broken, reduce=Sum())", namespace).compile()
    assert again.bundle == compiled.bundle


@pytest.mark.thorough
def test_another_python_refuses_them(prompt, tmp_path):
    compiled = prompt(TYPED)["job"].compile()
    compiled = replace(compiled, spec=replace(compiled.spec, python="3.9"))
    with pytest.raises(
        PermanentFailure, match=r"typed in Python 3\.9, and only that version .* this worker is Python 3"
    ):
        found_by_worker(tmp_path, compiled, "fanfold_pickled:words")


@pytest.mark.thorough
def test_a_pickle_that_cant_be_loaded_is_told(prompt, tmp_path, monkeypatch):
    compiled = prompt(TYPED)["job"].compile()
    monkeypatch.setitem(sys.modules, "helper", types.ModuleType("helper"))
    monkeypatch.delitem(sys.modules, "dataclasses")
    monkeypatch.setitem(sys.modules, "dataclasses", None)
    with pytest.raises(PermanentFailure, match="the functions that were typed can't be loaded: "):
        found_by_worker(tmp_path, compiled, "fanfold_pickled:words")


def test_a_lambda_in_a_file_is_still_refused():
    with pytest.raises(InvalidJob, match=r"a lambda defined in test_typed\.py"):
        Job(map=lambda line: [(line, 1)], reduce=Sum()).compile()


@pytest.mark.thorough
def test_functions_executed_by_a_file_are_carried(tmp_path):
    namespace: dict[str, object] = {}
    exec("def made(line):\n    return [(line, 3)]\n", namespace)
    compiled = Job(map=namespace["made"], reduce=Sum()).compile()  # type: ignore[arg-type]
    assert compiled.spec.stages[0].map == Function("fanfold_pickled:made")
    assert "fanfold_pickled.pickle" in (compiled.bundle.names if compiled.bundle else ())


@pytest.mark.thorough
def test_a_run_of_what_standard_input_holds(tmp_path):
    """Classes among the keys go from mappers to reducers, in processes of their own."""
    write(tmp_path, {**HELPERS, "in.txt": "b a b\n"})
    command = [sys.executable, "-", "--input", "in.txt", "--output", "out", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, input=TYPED + "job.main()\n", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "part-00000.txt").read_text() == "A\t2\nB\t4\n"


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["-c", "-i", "executed"])
def test_a_run_of_what_was_typed(way, tmp_path):
    options = ["--input", "in.txt", "--output", "out", "--quiet"]
    text = f"{TYPED}import sys; sys.argv[1:] = {options!r}; job.main()\n"
    write(tmp_path, {**HELPERS, "in.txt": "b a b\n", "text": text, "job.py": "exec(open('text').read(), {})\n"})
    commands = {"-c": ["-c", text], "-i": ["-i", "-c", text], "executed": ["job.py"]}
    done = run_in(tmp_path, sys.executable, *commands[way])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "part-00000.txt").read_text() == "A\t2\nB\t4\n"
