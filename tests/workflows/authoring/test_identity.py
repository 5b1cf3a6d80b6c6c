"""What workers find under a name is held against what the job was given, wherever the difference comes from."""

import copy
import dataclasses
import importlib
import json
import sys
import types
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold.errors import InvalidJob
from fanfold.resolve import resolve
from fanfold.rules import spec as rules
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import Function, Identity, JobConf, spec_from_json
from fanfold_steps.user_code.identity import difference
from fanfold_steps.user_code.loading import Code
from fanfold_steps.user_code.values import digests, rough_digest
from tests.workflows.authoring.scripts import ALIKE, ONLY_THE_SCRIPT, OTHER_CODE, OTHER_VALUE
from tests.workflows.commands import RUN, run_in

HEAD = "from fanfold import Job, Sum\n"
JOB = "job = Job(map=words, reduce=Sum())\n"
GUARD = 'if __name__ == "__main__":\n'
WORDS = "def words(line):\n    return [(line, 1)]\n"
CODE_DIFFERS = "its code is not the same there"


@contextmanager
def modules_of(folder):
    """Meanwhile modules are imported from a folder; those are forgotten in the end."""
    before = dict(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - set(before):
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def run_as_script(folder, file="job.py"):
    """The compiled job of a script, made as `python job.py` makes it."""
    path = folder / file
    script = types.ModuleType("__main__")
    script.__file__ = str(path)
    script.__spec__ = None
    main, sys.modules["__main__"] = sys.modules["__main__"], script
    try:
        with modules_of(folder):
            exec(compile(path.read_text(), str(path), "exec"), vars(script))
            return script.job.compile()
    finally:
        sys.modules["__main__"] = main


def import_as_worker(folder, compiled):
    """See, as a worker does, that all functions are what the job was given. Raises PermanentFailure."""
    (folder / "bundle.zip").write_bytes(compiled.bundle.data)
    spec = spec_from_json(json.loads(rules.to_json(compiled.spec)))
    conf = JobConf("id", spec, [], "", 1, 1, {}, "", bundle_url=(folder / "bundle.zip").as_uri())
    code = Code(conf)
    try:
        with modules_of(code.root):
            code.prepare(spec)
            for reference in spec.identities:
                code._import(reference)
    finally:
        code.close()


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("name", OTHER_VALUE)
def test_a_value_that_only_the_script_has_is_refused_by_workers(name, tmp_path):
    write(tmp_path, {"job.py": OTHER_VALUE[name]})
    compiled = run_as_script(tmp_path)
    with pytest.raises(PermanentFailure, match=r"something else as job:.* than the job was given: .*value") as refused:
        import_as_worker(tmp_path, compiled)
    assert "\n" not in refused.value.message
    assert "params=" in refused.value.message


@pytest.mark.parametrize("name", OTHER_CODE)
def test_other_code_under_the_name_is_refused_by_workers(name, tmp_path):
    text, words = OTHER_CODE[name]
    write(tmp_path, {"job.py": text})
    compiled = run_as_script(tmp_path)
    with pytest.raises(PermanentFailure, match=words):
        import_as_worker(tmp_path, compiled)


@pytest.mark.parametrize("name", ONLY_THE_SCRIPT)
def test_a_name_that_only_the_script_binds_is_refused_before_anything_runs(name, tmp_path):
    write(tmp_path, {"job.py": ONLY_THE_SCRIPT[name]})
    with pytest.raises(InvalidJob, match=r"line \d+ binds that name in a block that only the script runs"):
        run_as_script(tmp_path)


@pytest.mark.parametrize("name", ALIKE)
def test_what_is_the_same_everywhere_runs(name, tmp_path, monkeypatch):
    text = ALIKE[name].replace("FOLDER", repr(f"{tmp_path}/a/constant"))
    write(tmp_path, {"job.py": text, "helper.py": "LIMIT = 3\n" + WORDS.replace("1", "LIMIT")})
    by_script = run_as_script(tmp_path)
    import_as_worker(tmp_path, by_script)
    if name not in ("in the guard", "bound again under a condition"):
        with modules_of(tmp_path):
            compiled = resolve(str(tmp_path / "job.py"))
        import_as_worker(tmp_path, compiled)
        assert rules.to_json(compiled.spec) == rules.to_json(by_script.spec)


def test_a_helpers_variable_that_the_script_sets_is_refused(tmp_path):
    text = "import helper\n" + HEAD + GUARD + "    helper.LIMIT = 5\n" + JOB.replace("words", "helper.words")
    write(tmp_path, {"job.py": text, "helper.py": "LIMIT = 3\n" + WORDS.replace("1", "LIMIT")})
    with pytest.raises(PermanentFailure, match="the variable LIMIT of helper, which it reads, has another value"):
        import_as_worker(tmp_path, run_as_script(tmp_path))


def test_a_helper_that_was_changed_since_it_was_imported_is_refused(tmp_path):
    write(tmp_path, {"job.py": "from helper import words\n" + HEAD + JOB, "helper.py": WORDS})
    with modules_of(tmp_path):
        module = importlib.import_module("job")
        write(tmp_path, {"helper.py": WORDS.replace("1", "2")})
        compiled = module.job.compile()
    with pytest.raises(PermanentFailure, match=CODE_DIFFERS):
        import_as_worker(tmp_path, compiled)


def test_a_module_that_hides_that_of_the_bundle_is_refused(tmp_path):
    write(tmp_path, {"job.py": "from helper import words\n" + HEAD + JOB, "helper.py": WORDS})
    compiled = run_as_script(tmp_path)
    write(tmp_path / "other", {"helper.py": WORDS.replace("1", "2")})
    with modules_of(tmp_path / "other"):
        importlib.import_module("helper")
        with pytest.raises(PermanentFailure, match=CODE_DIFFERS):
            import_as_worker(tmp_path, compiled)


def test_another_environment_is_refused_where_it_decides(tmp_path, monkeypatch):
    text = """import os
if os.environ.get('FANFOLD_TEST_WAY'):
    def words(line):
        return [(line, 2)]
else:
    def words(line):
        return [(line, 1)]
"""
    write(tmp_path, {"job.py": HEAD + text + JOB})
    compiled = run_as_script(tmp_path)
    import_as_worker(tmp_path, compiled)
    monkeypatch.setenv("FANFOLD_TEST_WAY", "1")
    with pytest.raises(PermanentFailure, match="words of line 4, but the job was given words of line 7"):
        import_as_worker(tmp_path, compiled)


def test_another_python_compares_lines_and_values_alone():
    ours = Identity("f", "cpython 3.11.7", {"": "3:aa", "g": "9:bb"}, {"by": "cc"})
    theirs = Identity("f", "cpython 3.12.1", {"": "3:dd", "h": "12:ee"}, {"by": "cc"})
    assert difference(ours, theirs) is None
    assert "g, which it uses" in str(difference(ours, dataclasses.replace(theirs, code={"": "3:dd", "g": "8:ee"})))
    assert "its by has another value" in str(difference(ours, dataclasses.replace(theirs, values={"by": "ff"})))
    assert "its code" in str(difference(ours, dataclasses.replace(theirs, python=ours.python)))


def test_a_spec_that_is_written_by_hand_has_no_identity_and_none_is_needed(tmp_path):
    write(tmp_path, {"job.py": OTHER_VALUE["a global that decides"]})
    compiled = run_as_script(tmp_path)
    plain = json.loads(rules.to_json(compiled.spec))
    assert list(plain.pop("identities")) == ["job:words"]
    assert rules.parse(plain).stages[0].map == Function("job:words")
    import_as_worker(tmp_path, dataclasses.replace(compiled, spec=rules.parse(plain)))


@pytest.mark.thorough
def test_every_process_makes_the_same_spec(tmp_path):
    """Whatever the hash seed, and whether it is the script or the command that compiles it."""
    text = HEAD + "STOP = {'a', 'b', 'c'}\nclass Words:\n    def __init__(self):\n        self.stop = {'x', 'y', 'z'}\n"
    text += "    def __call__(self, line):\n        return [(line, line in {'d', 'e', 'f'})]\nwords = Words()\n" + JOB
    write(tmp_path, {"job.py": text})
    program = "import sys; from fanfold.resolve import resolve; from fanfold.rules.spec import to_json\n"
    program += "print(to_json(resolve('job.py').spec))"
    ways = [run_in(tmp_path, sys.executable, "-c", program, environ={"PYTHONHASHSEED": seed}) for seed in ("1", "2")]
    assert ways[0].returncode == 0, ways[0].stderr
    assert ways[0].stdout == ways[1].stdout == rules.to_json(run_as_script(tmp_path).spec) + "\n"


@pytest.mark.thorough
def test_a_run_is_refused_in_one_sentence(tmp_path):
    text = OTHER_VALUE["a global that decides"].replace(GUARD, GUARD.replace("\n", "\n    import sys\n", 1))
    write(tmp_path, {"job.py": text + GUARD + "    job.main()\n", "in.txt": "a\n"})
    done = run_in(tmp_path, sys.executable, "job.py", "--input", "in.txt", "--output", "out", "--quiet")
    assert done.returncode == 1
    assert "the variable LIMIT of job, which it reads, has another value there" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("part-*"))
    done = run_in(tmp_path, *RUN, "job.py", "--input", "in.txt", "--output", "o")
    assert (done.returncode, (tmp_path / "o" / "part-00000.txt").read_text()) == (0, "a\t3\n"), done.stderr


numbers = st.integers() | st.floats(allow_nan=False) | st.decimals(allow_nan=False)
plain_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text() | st.binary() | st.dates() | st.frozensets(st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
)


@pytest.mark.thorough
@settings(deadline=None)
@given(plain_values, plain_values)
def test_digests_tell_values_apart_and_nothing_else(one, other):
    if one != other:
        assert digests(one, {}) != digests(other, {})
    assert digests(one, {}) == digests(copy.deepcopy(one), {})
    assert rough_digest(one) == rough_digest(copy.deepcopy(one))
