import importlib
import json
import sys
from typing import Any, cast

import pytest

import fanfold
from fanfold import CSV, InvalidJob, Job, Max, Parquet, Skip, Sum, TopK, batch, program
from fanfold.authoring.code.bundle import pack
from fanfold.errors import UnknownJob
from fanfold.resolve import resolve
from fanfold.rules import spec
from fanfold_steps.aggregations import AGGREGATIONS, build
from fanfold_steps.job.spec import Aggregate, Function, spec_from_json, stage_from_json
from tests.steps import functions


def test_a_job_compiles_to_a_spec_that_names_its_functions():
    compiled = Job("pairs", map=functions.pairs, combine=functions.partial, reduce=functions.total).spec("ab" * 32)
    here = "tests.steps.functions"
    data = json.loads(spec.to_json(compiled))
    identities = data.pop("identities")
    assert list(identities) == [f"{here}:{name}" for name in ("pairs", "partial", "total")]
    assert identities[f"{here}:total"]["name"] == "total"
    assert data == {
        "version": 1,
        "name": "pairs",
        "bundle": "ab" * 32,
        "entry": None,
        "stages": [
            {
                "map": {"function": f"{here}:pairs"},
                "combine": {"function": f"{here}:partial"},
                "reduce": {"function": f"{here}:total"},
                "partitions": None,
                "partition": None,
                "sort_values": False,
                "order": None,
                "key": None,
                "fields": None,
                "resources": None,
            }
        ],
        "inputs": {},
        "outputs": {},
        "input": {"format": "text", "encoding": None, "compress": None},
        "output": {"format": "text", "encoding": None, "compress": None},
        "params": None,
        "files": {},
        "on_error": {"policy": "fail"},
        "task_version": None,
        "timeout": None,
        "python": None,
        "dependencies": None,
        "resources": None,
        "image": None,
    }


def test_a_spec_written_by_hand_is_the_one_a_job_compiles_to():
    compiled = Job(map=functions.pairs, reduce=Sum()).spec()
    assert spec.parse(json.loads(spec.to_json(compiled))) == compiled


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"map": functions.takes_three, "reduce": Sum()}, "must take one argument, the record, or two, its key and"),
        ({"map": functions.pairs, "reduce": functions.pairs}, "must take two arguments, the key and its values"),
        (
            {"map": functions.pairs, "reduce": Sum(), "combine": functions.partial},
            "an aggregation brings its own combiner; leave out `combine`",
        ),
        (
            {"map": functions.pairs, "reduce": (Sum(), Max()), "combine": functions.partial},
            "combine: an aggregation brings its own combiner",
        ),
        (
            {"map": functions.pairs, "reduce": Sum},
            r"the class Sum is not an aggregation: use one of Sum\(\), ",
        ),
        (
            {"map": functions.pairs, "reduce": (Sum(), functions.total)},
            "of type function is not an aggregation",
        ),
        ({"map": functions.pairs, "reduce": ()}, "an empty tuple"),
        ({"map": 7, "reduce": Sum()}, "must be a function, not int"),
    ],
)
def test_a_job_that_cannot_run_is_refused_where_it_is_written(arguments, words):
    with pytest.raises(InvalidJob, match=words):
        Job(**arguments)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_every_aggregation_is_exported_and_named_in_specs(name):
    kind: Any = getattr(fanfold, name)
    assert AGGREGATIONS[name] is cast(type, kind)
    arguments: list[Any] = [3] if name == "TopK" else []
    compiled = Job(map=functions.pairs, reduce=kind(*arguments)).spec()
    data = json.loads(spec.to_json(compiled))
    assert data["stages"][0]["reduce"] in (
        {"aggregate": name, "arguments": arguments, "field": None, "rows": False},
        {"aggregate": name, "arguments": [1], "field": None, "rows": False},
    )
    assert spec.parse(data) == compiled
    assert stage_from_json(data["stages"][0]) == compiled.stages[0]
    assert type(build(Aggregate(name, [*kind(*arguments).arguments]))) is kind
    if name != "Count":
        named = Job(map=functions.pairs, key="host", reduce={"n": cast(Any, kind)(*arguments, "size")}).spec()
        assert named.stages[0].key == ["host"]
        assert spec.parse(json.loads(spec.to_json(named))) == named
        assert stage_from_json(json.loads(spec.to_json(named))["stages"][0]) == named.stages[0]
        assert named.stages[0].reduce == {"n": Aggregate(cast(Any, name), [*kind(*arguments).arguments], "size")}
    assert name in json.dumps(spec.json_schema()["$defs"]["Aggregate"])


def test_a_tuple_of_aggregations_is_a_list_in_a_spec():
    compiled = Job(map=functions.pairs, reduce=(Sum(), TopK(2))).spec()
    data = json.loads(spec.to_json(compiled))
    assert data["stages"][0]["reduce"] == [
        {"aggregate": "Sum", "arguments": [], "field": None, "rows": False},
        {"aggregate": "TopK", "arguments": [2], "field": None, "rows": False},
    ]
    assert spec.parse(data) == compiled
    assert stage_from_json(data["stages"][0]).reduce == [Aggregate("Sum"), Aggregate("TopK", [2])]


@pytest.mark.parametrize(
    ("reduce", "words"),
    [
        ({"aggregate": "TopK"}, "stages.0.reduce: TopK doesn't take 0 arguments"),
        ({"aggregate": "TopK", "arguments": [0]}, r"TopK\(n\) takes an integer of 1 or more, not 0"),
        ({"aggregate": "TopK", "arguments": ["many"]}, "arguments.0"),
        ({"aggregate": "Sum", "arguments": [1]}, "Sum doesn't take an argument"),
        ({"aggregate": "Variance", "arguments": [-1]}, "takes an integer of 0 or more, not -1"),
        ([], "can't be empty"),
        ([{"aggregate": "Sum"}, {"aggregate": "TopK"}], "TopK doesn't take 0 arguments"),
        ([{"function": "a:b"}], "reduce"),
    ],
)
def test_an_aggregation_with_arguments_that_do_not_fit_is_refused(reduce, words):
    with pytest.raises(spec.InvalidSpec, match=words):
        spec.parse({"stages": [{"map": {"function": "a:b"}, "reduce": reduce}]})


def test_an_aggregation_with_a_combiner_is_refused_in_a_spec():
    stage = {"map": {"function": "a:b"}, "reduce": {"aggregate": "Sum"}, "combine": {"function": "a:c"}}
    with pytest.raises(spec.InvalidSpec, match=r"stages.0.combine: an aggregation brings its own combiner"):
        spec.parse({"stages": [stage]})


def test_a_failure_policy_comes_through_a_spec():
    compiled = Job(map=functions.pairs, reduce=Sum(), on_error=Skip(at_most=0.25)).spec()
    data = json.loads(spec.to_json(compiled))
    assert data["on_error"] == {"at_most": 0.25, "policy": "skip"}
    assert spec.parse(data) == compiled
    assert spec_from_json(data) == compiled
    with pytest.raises(spec.InvalidSpec, match="a fraction from 0 to 1"):
        spec.parse({**data, "on_error": {"policy": "skip", "at_most": 7}})
    with pytest.raises(spec.InvalidSpec, match="on_error"):
        spec.parse({**data, "on_error": {"policy": "ignore"}})
    with pytest.raises(InvalidJob, match=r"on_error must be Fail\(\) or Skip"):
        Job(map=functions.pairs, reduce=Sum(), on_error="skip")  # type: ignore[arg-type]
    with pytest.raises(InvalidJob, match="which batches and programs don't have"):
        Job(map=batch(cast(Any, functions.pairs)), reduce={"n": Sum()}, on_error=Skip())
    with pytest.raises(InvalidJob, match="programs don't have"):
        Job(map=program("cat"), reduce=program("cat"), on_error=Skip())
    with pytest.raises(spec.InvalidSpec, match="programs don't have"):
        spec.parse({**json.loads(spec.to_json(Job(map=program("cat")).spec())), "on_error": data["on_error"]})


@pytest.mark.parametrize("timeout", [0, -1, "5", True, float("inf"), 10**9])
def test_a_timeout_is_a_number_of_seconds(timeout):
    with pytest.raises(InvalidJob, match="timeout: a number of seconds"):
        Job(map=functions.pairs, reduce=Sum(), timeout=timeout)
    data = json.loads(spec.to_json(Job(map=functions.pairs, reduce=Sum(), timeout=2.5).spec()))
    assert spec.parse(data).timeout == 2.5
    with pytest.raises(spec.InvalidSpec, match="timeout"):
        spec.parse({**data, "timeout": "soon" if timeout is True or timeout == "5" else timeout})


def test_a_lambda_is_refused_with_the_mend():
    with pytest.raises(InvalidJob, match="define it with `def` at the top level"):
        Job(map=lambda line: [(line, 1)], reduce=Sum()).spec()


class Nameless:
    def __call__(self, line, ctx):
        yield line, 1


named = Nameless()


def test_objects_and_classes_are_named_as_functions_are():
    mappers: list[tuple[Any, str]] = [(named, "named"), (Nameless, "Nameless")]
    for mapper, name in mappers:
        job = Job(map=mapper, reduce=Sum())
        assert job.spec().stages[0].map == Function(f"{__name__}:{name}")
        assert job.module is sys.modules[__name__]
    with pytest.raises(InvalidJob, match=r"an object of class Nameless that no variable holds: write `name = …` with"):
        Job(map=Nameless(), reduce=Sum()).spec()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "either `stages` or an `entry`"),
        ({"entry": "a:b", "stages": [{"map": {"function": "a:b"}, "reduce": {"aggregate": "Sum"}}]}, "not both"),
        ({"entry": "a:b", "version": 2}, "version"),
        ({"entry": "a:b", "colour": 1}, "colour"),
        ({"stages": [{"map": {"function": "a:b"}, "reduce": {"aggregate": "Median"}}]}, "reduce"),
        ({"stages": [{"map": {"function": "os.system"}, "reduce": {"aggregate": "Sum"}}]}, "module:name"),
        ({"entry": "../x:y"}, "module:name"),
        ({"stages": [{"combine": {"function": "a:b"}}]}, "stages.0.combine: a combiner needs a reducer"),
        ({"stages": [{"reduce": {"aggregate": "Sum"}}, {"partitions": 2}]}, "stages.1.partitions: without a reducer"),
        (
            {"stages": [{"reduce": {"aggregate": "Sum"}, "partitions": 0}]},
            "stages.0.partitions: must be a number",
        ),
        ({"stages": [{}], "inputs": {"a b": {}}}, "inputs: a name consists of letters"),
        ({"stages": [{}], "inputs": {"a": {"map": {"function": "b"}}}}, "module:name"),
        ({"entry": "a:b", "bundle": "xyz"}, "bundle"),
    ],
)
def test_a_spec_that_is_wrong_is_refused_with_the_place(data, words):
    with pytest.raises(spec.InvalidSpec, match=words):
        spec.parse(data)


def test_the_schema_is_published():
    schema = spec.json_schema()
    assert {"version", "entry", "stages"} <= set(schema["properties"])


def write_package(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


JOB = "from fanfold import Job, Sum\ndef words(line):\n    yield line, 1\njob = Job(map=words, reduce=Sum())\n"


@pytest.fixture
def imports(monkeypatch):
    """Modules and the path as they were, whatever a test imports."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


def names_in(bundle):
    import io
    import zipfile

    return zipfile.ZipFile(io.BytesIO(bundle.data)).namelist()


def test_a_bundle_holds_the_module_and_what_it_imports_beside_it(tmp_path, imports):
    write_package(
        tmp_path,
        {
            "lonely.py": "x = 1\n",
            "my_job.py": "import my_words\nimport json\n" + JOB,
            "my_words.py": "from my_lists.stop import STOP\n",
            "my_lists/__init__.py": "",
            "my_lists/stop.py": "STOP = []\n",
            "my_lists/data.txt": "the\n",
        },
    )
    compiled = resolve(str(tmp_path / "my_job.py"))
    assert names_in(compiled.bundle) == [
        "my_job.py",
        "my_lists/__init__.py",
        "my_lists/data.txt",
        "my_lists/stop.py",
        "my_words.py",
    ]
    assert compiled.bundle and compiled.spec.bundle == compiled.bundle.sha256
    assert compiled.spec.stages[0].map == Function("my_job:words")


def test_a_module_in_a_package_brings_the_package(tmp_path, imports):
    write_package(tmp_path, {"pack_a/__init__.py": "", "pack_a/jobs.py": JOB, "pack_a/other.py": "y = 2\n"})
    compiled = resolve(str(tmp_path / "pack_a" / "jobs.py"))
    assert names_in(compiled.bundle) == ["pack_a/__init__.py", "pack_a/jobs.py", "pack_a/other.py"]
    assert compiled.spec.stages[0].map == Function("pack_a.jobs:words")


def test_the_same_code_makes_the_same_bundle_whenever_it_was_written(tmp_path, imports):
    import os

    write_package(tmp_path, {"same_job.py": JOB})
    first = resolve(str(tmp_path / "same_job.py")).bundle
    os.utime(tmp_path / "same_job.py", (1, 1))
    assert first == pack([sys.modules["same_job"]], tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "defines no Job; name it `job`"),
        (
            "import warnings\nwarnings.simplefilter('ignore')\nfrom mrjob.job import MRJob\nclass Count(MRJob): pass\n",
            r"but a job of mrjob's: run it with fanfold mrjob \w+\.py, or fanfold submit --mrjob",
        ),
        (JOB.replace("job =", "a =") + "b = Job(map=words, reduce=Sum())\n", r"defines several jobs \(a, b\)"),
        ("def broken(:\n", "SyntaxError"),
        ("raise RuntimeError('at import')\n", "at import"),
        ("raise SystemExit(0)\n", r"put job.main\(\) and whatever else it runs under `if __name__"),
    ],
)
def test_a_file_without_one_job_is_refused(tmp_path, imports, text, words):
    (tmp_path / "odd_job.py").write_text(text)
    with pytest.raises(InvalidJob, match=words):
        resolve(str(tmp_path / "odd_job.py"))


def test_a_file_with_the_name_of_another_module_is_refused(tmp_path, imports):
    (tmp_path / "json.py").write_text(JOB)
    with pytest.raises(InvalidJob, match="has the same name as another module"):
        resolve(str(tmp_path / "json.py"))


def test_a_sibling_that_does_not_parse_is_packed_as_it_is(tmp_path, imports):
    write_package(tmp_path, {"old_job.py": "try:\n    import old_one\nexcept SyntaxError:\n    pass\n" + JOB})
    (tmp_path / "old_one.py").write_text("print 'two'\n")
    assert names_in(resolve(str(tmp_path / "old_job.py")).bundle) == ["old_job.py", "old_one.py"]


def test_a_file_or_a_built_in_that_is_not_there(tmp_path):
    with pytest.raises(InvalidJob, match="there is no file"):
        resolve(str(tmp_path / "none.py"))
    with pytest.raises(UnknownJob, match="choose one of distinct, grep"):
        resolve("worldcount")


@pytest.mark.parametrize(("kind", "compress", "known"), [(CSV, "zip", "gzip, bz2"), (Parquet, "xz", "zstd, snappy")])
def test_an_unknown_compression_is_refused_where_the_job_is_written(kind, compress, known):
    with pytest.raises(InvalidJob, match=f"compress must be one of {known}"):
        Job(reduce=Sum(), input=kind(compress=compress))


BASE = """
from fanfold import Job, Sum
def words(line, ctx):
    return [(word, 1) for word in line.split() if word not in ctx.file("stop").read_text()]
class Counting(Job):
    def __init__(self, **arguments):
        super().__init__(map=words, reduce=Sum(), **arguments)
"""


@pytest.mark.parametrize(
    "base",
    [
        "from fanfold import Job as Base",
        "from shared.counting import Counting as Base",
        "from shared.counting import Counting\nclass Base(Counting):\n    pass",
    ],
)
def test_side_files_are_found_beside_the_file_that_creates_the_job(tmp_path, imports, base):
    job = 'job = Base(files={"stop": "lists/stop.txt"}'
    job += ", map=words, reduce=Sum())" if "Job as Base" in base else ")"
    write_package(
        tmp_path,
        {
            "shared/__init__.py": "",
            "shared/counting.py": BASE,
            "jobs/my_count.py": f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom fanfold import Sum\n"
            f"from shared.counting import words\n{base}\n{job}\n",
            "jobs/lists/stop.txt": "the\n",
        },
    )
    resolve(str(tmp_path / "jobs" / "my_count.py"))
    side_files = sys.modules["my_count"].job.side_files()
    assert side_files["stop"].path == tmp_path / "jobs" / "lists" / "stop.txt"
    assert side_files["stop"].bundled == "lists/stop.txt"


def test_a_job_that_does_not_compile_is_refused_with_the_line_that_creates_it(tmp_path, imports):
    write_package(
        tmp_path,
        {
            "base_job.py": BASE,
            "odd_job.py": "from base_job import Counting\n\njob = Counting(files={'stop': 'none.txt'})\n",
        },
    )
    with pytest.raises(InvalidJob, match=r"odd_job\.py, line 3: .*none.txt belongs to the job, but can't be read"):
        resolve(str(tmp_path / "odd_job.py"))
