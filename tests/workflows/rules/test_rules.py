"""What a job can't be is refused in the same words, whether it is written in Python or as JSON."""

from itertools import product
from typing import Any, cast

import pytest

from fanfold import CSV, JSONL, Input, InvalidJob, Job, Max, Parquet, Skip, SortLines, Stage, Sum, TopK, batch, program
from fanfold.rules import spec
from tests.steps import functions

HERE = "tests.steps.functions"
ANY = cast(Any, Job)
PAIRS, TOTAL, LETTER = ({"function": f"{HERE}:{name}"} for name in ("pairs", "total", "by_first_letter"))
SUM, CAT = {"aggregate": "Sum"}, {"program": "cat"}
BATCH, BATCHED = batch(cast(Any, functions.pairs)), {"batch": f"{HERE}:pairs"}
MAPS = [(None, None), (functions.pairs, PAIRS), (BATCH, BATCHED), (program("cat"), CAT)]
COMBINES = [(None, None), (functions.partial, {"function": f"{HERE}:partial"}), (program("cat"), CAT)]
NAMED, IN_JSON = {"n": Sum("size")}, {"n": {"aggregate": "Sum", "field": "size"}}
TWO_LISTS = {name: {"aggregate": "TopK", "arguments": [2], "rows": True} for name in "nm"}
REDUCES = [
    *[(None, None), (functions.total, TOTAL), (program("cat"), CAT), (Sum(), SUM), ((Sum(), Max()), [SUM, SUM])],
    *[({"n": Sum()}, {"n": SUM}), ({}, {}), (SortLines(), {"sort": "lines"})],
]
INPUTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"input": CSV()}, {"input": {"format": "csv"}}),
    ({"inputs": {"a": Input(), "b": Input(CSV())}}, {"inputs": {"a": {}, "b": {"format": {"format": "csv"}}}}),
    ({"inputs": {"a": Input(map=functions.pairs)}}, {"inputs": {"a": {"map": PAIRS}}}),
    ({"inputs": {"a": Input(map=program("cat"))}}, {"inputs": {"a": {"map": CAT}}}),
]
POLICIES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"on_error": Skip()}, {"on_error": {"policy": "skip"}}),
]


def python_says(arguments):
    """Why a job written so is refused; None if it isn't."""
    try:
        ANY(**arguments).spec()
    except InvalidJob as error:
        return str(error)
    return None


def json_says(data):
    """The same of a spec; of the only stage, as the job says it that is written without stages."""
    try:
        spec.parse(data)
    except spec.InvalidSpec as error:
        return str(error)
    return None


def combinations():
    """All that a stage may say, with all else that a job may say."""
    orders = [{}, {"partition": 1}, {"sort_values": True}, {"order": "total"}, {"partition": 1, "order": "total"}]
    stages = list(product(MAPS, REDUCES, COMBINES, orders, [{}, {"partitions": 2}]))
    for (mapped, reduce, combine, order, partitions), (inputs, policy) in product(stages, product(INPUTS, POLICIES)):
        written = {"map": mapped[0], "reduce": reduce[0], "combine": combine[0], **order, **partitions}
        told = {"map": mapped[1], "reduce": reduce[1], "combine": combine[1], **order, **partitions}
        if "partition" in order:
            written["partition"], told["partition"] = functions.by_first_letter, LETTER
        yield written, told, {**inputs[0], **policy[0]}, {**inputs[1], **policy[1]}


def goes_together(stage, job):
    """Whether docs/jobs.md lets a job be so, told once more and without a look at the rules."""
    mapped, reduce, combine, ordered = stage["map"], stage["reduce"], stage["combine"], stage.get("order") == "total"
    arranged = [word for word in ("partition", "sort_values", "order") if word in stage]
    inputs = job.get("inputs") or {"": {"format": job.get("input", {})}}
    mappers = [named.get("map") or mapped for named in inputs.values()]
    own_mappers = any("map" in named for named in inputs.values())
    is_text = [named.get("format", {}).get("format") != "csv" for named in inputs.values()]
    parts = [*mappers, mapped, reduce, combine]
    if "on_error" in job and (CAT in parts or BATCHED in parts):
        return False
    if any(mapper == CAT and not text for mapper, text in zip(mappers, is_text, strict=True)):
        return False
    if ordered and ("partition" in stage or CAT in parts):
        return False
    if reduce is None:
        return not (arranged or combine or "partitions" in stage or mapped == BATCHED)
    if mapped == BATCHED or reduce in ({}, {"n": SUM}):
        return mapped == BATCHED and reduce == {"n": SUM} and not (arranged or combine or own_mappers)
    if reduce == {"sort": "lines"}:
        return not (mapped or combine or "partition" in stage or "sort_values" in stage or "inputs" in job) and all(
            is_text
        )
    if reduce == CAT:
        return "sort_values" not in stage and combine in (None, CAT)
    if reduce == TOTAL:
        return combine != CAT
    return "sort_values" not in stage and not combine


@pytest.mark.thorough
def test_python_and_json_refuse_the_same_jobs_in_the_same_words():
    """Of the many that may be written, every seventh, so that all pairs of choices come up."""
    seen = {True: 0, False: 0}
    for number, (written, told, job, data) in enumerate(combinations()):
        if number % 7:
            continue
        json = json_says({"stages": [told], **data})
        try:
            python = python_says({"stages": [Stage(**written)], **job})
        except InvalidJob as error:
            python = f"stages.0.{error}"  # a stage doesn't know yet where it will stand
        assert python == json, (written, job)
        assert (json is None) == goes_together(told, data), (told, data, json)
        seen[json is None] += 1
    assert seen[True] > 20, seen
    assert seen[False] > 1000, seen


CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"input": Parquet(schema={"a": "int64"}), "map": functions.pairs},
        {"stages": [{"map": PAIRS}], "input": {"format": "parquet", "schema": {"a": "int64"}}},
        "input: a `schema` declares the columns of an output; the files of an input have types of their own",
    ),
    (
        {"key": "a", "reduce": NAMED, "inputs": {"x": Input(map=program("cat"))}},
        {"stages": [{"key": ["a"], "reduce": IN_JSON}], "inputs": {"x": {"map": CAT}}},
        "inputs.x.map: a program writes lines, and named aggregations need records with fields",
    ),
    (
        {"map": BATCH, "reduce": {"n": Sum()}, "inputs": {"a": Input(map=functions.pairs)}},
        {"stages": [{"map": {"batch": "a:b"}, "reduce": {"n": SUM}}], "inputs": {"a": {"map": PAIRS}}},
        "inputs.a.map: a batch function maps all inputs; leave out their own mappers",
    ),
    (
        {"stages": [Stage(reduce=Sum()), Stage(map=BATCH, reduce={"n": Sum()})]},
        {"stages": [{"reduce": SUM}, {"map": {"batch": "a:b"}, "reduce": {"n": SUM}}]},
        "stages.1.map: only the first stage of a job can map batches",
    ),
    (
        {"map": functions.pairs, "input": CSV(), "inputs": {"a": Input()}},
        {"stages": [{"map": PAIRS}], "input": {"format": "csv"}, "inputs": {"a": {}}},
        "input: a job has either `input` or `inputs`",
    ),
    ({"map": functions.pairs, "timeout": -1.5}, {"stages": [{}], "timeout": -1.5}, "timeout: a number of seconds"),
    (
        {"reduce": Sum(), "outputs": {"a/b": JSONL()}},
        {"outputs": {"a/b": {"format": "jsonl"}}},
        "outputs: a name",
    ),
    (
        {"reduce": Sum(), "files": {"a b": "c"}},
        {"files": {"a b": "c"}},
        "files: a side file's name consists",
    ),
    (
        {"reduce": SortLines(), "input": JSONL()},
        {"stages": [{"reduce": {"sort": "lines"}}], "input": {"format": "jsonl"}},
        "stages: a job with SortLines() has a single input",
    ),
    (
        {"map": program("cat"), "input": CSV()},
        {"stages": [{"map": CAT}], "input": {"format": "csv"}},
        "input: a program reads unchanged lines",
    ),
]


NAMED_CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"map": functions.pairs, "reduce": NAMED},
        {"stages": [{"map": PAIRS, "reduce": IN_JSON}]},
        'key: named aggregations need a key; name its fields, as key=("host", "day")',
    ),
    (
        {"map": functions.pairs, "key": "host", "reduce": Sum()},
        {"stages": [{"map": PAIRS, "key": ["host"], "reduce": SUM}]},
        'key: only named aggregations take a key, as reduce={"hits": Count()}; leave it out',
    ),
    (
        {"map": functions.pairs, "reduce": Sum("size")},
        {"stages": [{"map": PAIRS, "reduce": IN_JSON["n"]}]},
        'reduce: Sum with a field must be a named aggregation; write reduce={"size": Sum(…)} and key=(…)',
    ),
    (
        {"map": functions.pairs, "reduce": (Sum(), TopK(2, rows=True))},
        {"stages": [{"map": PAIRS, "reduce": [SUM, TWO_LISTS["n"]]}]},
        "reduce: TopK with rows must be a named aggregation",
    ),
    (
        {"map": functions.pairs, "key": ("a", "a"), "reduce": NAMED},
        {"stages": [{"map": PAIRS, "key": ["a", "a"], "reduce": IN_JSON}]},
        "key: must name at least one field, and each only once",
    ),
    (
        {"map": functions.pairs, "key": ("a", "n"), "reduce": NAMED},
        {"stages": [{"map": PAIRS, "key": ["a", "n"], "reduce": IN_JSON}]},
        "reduce: 'n' is the name of a field of the key as well; rename the aggregation",
    ),
    (
        {"map": functions.pairs, "key": "a", "reduce": {name: TopK(2, rows=True) for name in "nm"}},
        {"stages": [{"map": PAIRS, "key": ["a"], "reduce": TWO_LISTS}]},
        "reduce: only one aggregation can have rows=True, not both 'n' and 'm'",
    ),
    (
        {"map": program("cat"), "key": "a", "reduce": NAMED},
        {"stages": [{"map": CAT, "key": ["a"], "reduce": IN_JSON}]},
        "map: a program writes lines, and named aggregations need records with fields",
    ),
    (
        {"map": functions.pairs, "key": "a", "reduce": NAMED, "sort_values": True},
        {"stages": [{"map": PAIRS, "key": ["a"], "reduce": IN_JSON, "sort_values": True}]},
        "sort_values: only a reducer that is a function",
    ),
]


@pytest.mark.parametrize(("arguments", "data", "words"), NAMED_CASES)
def test_what_does_not_go_with_named_aggregations_is_refused_both_ways(arguments, data, words):
    told = python_says(arguments)
    assert told is not None
    assert told.startswith(words)
    assert json_says(data) == f"stages.0.{told}"


@pytest.mark.parametrize(("arguments", "data", "words"), CASES)
def test_a_bad_job_is_refused_both_ways(arguments, data, words):
    told = json_says({"stages": [{"reduce": SUM}], **data})
    assert told is not None
    assert told.startswith(words)
    assert python_says(arguments) == told


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (
            lambda: ANY(mapper=functions.pairs),
            r"Job\(…\) has no argument `mapper`: did you mean `map`\? There are name, map",
        ),
        (
            lambda: ANY(partitions=4),
            r"`partitions`: it belongs to a stage, as Job\(stages=\[Stage\(…, partitions=4\)\]\), or",
        ),
        (lambda: ANY(workers=4), r"has no argument `workers`: it belongs to the command, as --workers 4"),
        (
            lambda: cast(Any, Stage)(input=CSV()),
            r"Stage\(…\) has no argument `input`: it belongs to the job: Job\(stages=",
        ),
        (lambda: cast(Any, Input)(columns=["a"]), r"`columns`: it belongs to the format, as Input\(CSV\(columns="),
        (lambda: cast(Any, Skip)(share=0.1), r"Skip\(…\) has no argument `share`: leave it out. There is at_most$"),
        (
            lambda: ANY(functions.pairs, Sum()),
            "too many positional arguments; pass each by name. There are name, map",
        ),
        (
            lambda: ANY(functions.pairs),
            r"name must be a string, not <function pairs .*: pass functions by name, as Job\(map=…",
        ),
        (
            lambda: ANY(map=functions.pairs, files=["a"]),
            r"files maps names of side files .*, not \['a'\]",
        ),
    ],
)
def test_arguments_that_there_are_not_are_told_with_those_there_are(write, words):
    with pytest.raises(TypeError, match=words):
        write()
