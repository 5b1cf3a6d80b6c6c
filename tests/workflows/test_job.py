import importlib
import json
import sys
from typing import Any, cast

import pytest

import fanfold
from fanfold import CSV, InvalidJob, Job, Max, Parquet, Skip, Sum, TopK, batch, builtin, program, spec
from fanfold.authored import resolve
from fanfold.bundle import pack
from fanfold_steps.aggregations import AGGREGATIONS, build
from fanfold_steps.spec import Aggregate, Function, spec_from_json, stage_from_json
from tests.steps import functions


def test_a_job_compiles_to_a_spec_that_names_its_functions():
    compiled = Job("pairs", map=functions.pairs, combine=functions.partial, reduce=functions.total).spec("ab" * 32)
    here = "tests.steps.functions"
    assert json.loads(spec.to_json(compiled)) == {
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
            }
        ],
        "inputs": {},
        "outputs": {},
        "input": {"format": "text", "encoding": None, "compress": None},
        "output": {"format": "text", "encoding": None, "compress": None},
        "params": None,
        "files": {},
        "on_error": {"policy": "fail"},
        "timeout": None,
    }


def test_a_spec_written_by_hand_is_the_one_a_job_compiles_to():
    compiled = Job(map=functions.pairs, reduce=Sum()).spec()
    assert spec.parse(json.loads(spec.to_json(compiled))) == compiled


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"map": functions.takes_three, "reduce": Sum()}, "must take one argument, the record, or two, its key and"),
        ({"map": functions.pairs, "reduce": functions.pairs}, "must take two arguments, the key and its values"),
        ({"map": functions.pairs, "reduce": Sum(), "combine": functions.partial}, "leave `combine` out"),
        (
            {"map": functions.pairs, "reduce": (Sum(), Max()), "combine": functions.partial},
            "combine: an aggregation combines by itself",
        ),
        ({"map": functions.pairs, "reduce": Sum}, "the class Sum is no aggregation .* take Sum, Count, .* with ()"),
        ({"map": functions.pairs, "reduce": (Sum(), functions.total)}, "function is no aggregation"),
        ({"map": functions.pairs, "reduce": ()}, "an empty tuple"),
        ({"map": 7, "reduce": Sum()}, "must be a function, not int"),
    ],
)
def test_a_job_that_cannot_run_is_refused_where_it_is_written(arguments, words):
    with pytest.raises(InvalidJob, match=words):
        Job(**arguments)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_every_aggregation_is_exported_and_named_in_specs(name):
    kind = getattr(fanfold, name)
    assert kind is AGGREGATIONS[name]
    arguments = [3] if name == "TopK" else []
    compiled = Job(map=functions.pairs, reduce=kind(*arguments)).spec()
    data = json.loads(spec.to_json(compiled))
    assert data["stages"][0]["reduce"] in (
        {"aggregate": name, "arguments": arguments},
        {"aggregate": name, "arguments": [1]},
    )
    assert spec.parse(data) == compiled
    assert stage_from_json(data["stages"][0]) == compiled.stages[0]
    assert type(build(Aggregate(name, [*kind(*arguments).arguments]))) is kind
    assert name in json.dumps(spec.json_schema()["$defs"]["Aggregate"])


def test_a_tuple_of_aggregations_is_a_list_in_a_spec():
    compiled = Job(map=functions.pairs, reduce=(Sum(), TopK(2))).spec()
    data = json.loads(spec.to_json(compiled))
    assert data["stages"][0]["reduce"] == [
        {"aggregate": "Sum", "arguments": []},
        {"aggregate": "TopK", "arguments": [2]},
    ]
    assert spec.parse(data) == compiled
    assert stage_from_json(data["stages"][0]).reduce == [Aggregate("Sum"), Aggregate("TopK", [2])]


@pytest.mark.parametrize(
    ("reduce", "words"),
    [
        ({"aggregate": "TopK"}, "stages.0.reduce: TopK doesn't take 0 arguments"),
        ({"aggregate": "TopK", "arguments": [0]}, r"TopK\(n\) takes a whole number from 1, not 0"),
        ({"aggregate": "TopK", "arguments": ["many"]}, "arguments.0"),
        ({"aggregate": "Sum", "arguments": [1]}, "Sum doesn't take an argument"),
        ({"aggregate": "Variance", "arguments": [-1]}, "takes a whole number from 0, not -1"),
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
    with pytest.raises(spec.InvalidSpec, match=r"stages.0.combine: an aggregation combines by itself"):
        spec.parse({"stages": [stage]})


def test_a_failure_policy_comes_through_a_spec():
    compiled = Job(map=functions.pairs, reduce=Sum(), on_error=Skip(at_most=0.25)).spec()
    data = json.loads(spec.to_json(compiled))
    assert data["on_error"] == {"at_most": 0.25, "policy": "skip"}
    assert spec.parse(data) == compiled
    assert spec_from_json(data) == compiled
    with pytest.raises(spec.InvalidSpec, match="a share between 0 and 1"):
        spec.parse({**data, "on_error": {"policy": "skip", "at_most": 7}})
    with pytest.raises(spec.InvalidSpec, match="on_error"):
        spec.parse({**data, "on_error": {"policy": "ignore"}})
    with pytest.raises(InvalidJob, match=r"on_error is Fail\(\) or Skip"):
        Job(map=functions.pairs, reduce=Sum(), on_error="skip")  # type: ignore[arg-type]
    with pytest.raises(InvalidJob, match="batches and programs have none"):
        Job(map=batch(cast(Any, functions.pairs)), reduce={"n": Sum()}, on_error=Skip())
    with pytest.raises(InvalidJob, match="programs have none"):
        Job(map=program("cat"), reduce=program("cat"), on_error=Skip())
    with pytest.raises(spec.InvalidSpec, match="programs have none"):
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
    with pytest.raises(InvalidJob, match=r"a Nameless\(\) without a name: write `name = Nameless"):
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
        ({"stages": [{"combine": {"function": "a:b"}}]}, "stages.0.combine: there is no reducer"),
        ({"stages": [{"reduce": {"aggregate": "Sum"}}, {"partitions": 2}]}, "stages.1.partitions: without a reducer"),
        ({"stages": [{"reduce": {"aggregate": "Sum"}, "partitions": 0}]}, "stages.0.partitions: a number from 1"),
        ({"stages": [{}], "inputs": {"a b": {}}}, "inputs: a name is letters"),
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
    authored = resolve(str(tmp_path / "my_job.py"))
    assert names_in(authored.bundle) == [
        "my_job.py",
        "my_lists/__init__.py",
        "my_lists/data.txt",
        "my_lists/stop.py",
        "my_words.py",
    ]
    assert authored.bundle and authored.spec.bundle == authored.bundle.sha256
    assert authored.spec.stages[0].map == Function("my_job:words")


def test_a_module_in_a_package_brings_the_package(tmp_path, imports):
    write_package(tmp_path, {"pack_a/__init__.py": "", "pack_a/jobs.py": JOB, "pack_a/other.py": "y = 2\n"})
    authored = resolve(str(tmp_path / "pack_a" / "jobs.py"))
    assert names_in(authored.bundle) == ["pack_a/__init__.py", "pack_a/jobs.py", "pack_a/other.py"]
    assert authored.spec.stages[0].map == Function("pack_a.jobs:words")


def test_the_same_code_makes_the_same_bundle_whenever_it_was_written(tmp_path, imports):
    import os

    write_package(tmp_path, {"same_job.py": JOB})
    first = resolve(str(tmp_path / "same_job.py")).bundle
    os.utime(tmp_path / "same_job.py", (1, 1))
    assert first == pack(sys.modules["same_job"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "holds no Job"),
        (JOB.replace("job =", "a =") + "b = Job(map=words, reduce=Sum())\n", r"several jobs \(a, b\)"),
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
    with pytest.raises(InvalidJob, match="has the name of another module"):
        resolve(str(tmp_path / "json.py"))


def test_a_sibling_that_does_not_parse_is_packed_as_it_is(tmp_path, imports):
    write_package(tmp_path, {"old_job.py": "try:\n    import old_one\nexcept SyntaxError:\n    pass\n" + JOB})
    (tmp_path / "old_one.py").write_text("print 'two'\n")
    assert names_in(resolve(str(tmp_path / "old_job.py")).bundle) == ["old_job.py", "old_one.py"]


def test_a_file_or_a_built_in_that_is_not_there(tmp_path):
    with pytest.raises(InvalidJob, match="there is no file"):
        resolve(str(tmp_path / "none.py"))
    with pytest.raises(builtin.UnknownJob, match="there are distinct, grep"):
        resolve("worldcount")


@pytest.mark.parametrize(("kind", "compress", "known"), [(CSV, "zip", "gzip, bz2"), (Parquet, "xz", "zstd, snappy")])
def test_an_unknown_compression_is_refused_where_the_job_is_written(kind, compress, known):
    with pytest.raises(InvalidJob, match=f"compress is one of {known}"):
        Job(reduce=Sum(), input=kind(compress=compress))
