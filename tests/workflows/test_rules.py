"""What a job can't be is refused in the same words, whether it is written in Python or as JSON."""

from itertools import product
from typing import Any, cast

import pytest

from fanfold import CSV, JSONL, Input, InvalidJob, Job, Max, Skip, SortLines, Stage, Sum, batch, program, spec
from tests.steps import functions

HERE = "tests.steps.functions"
ANY = cast(Any, Job)
PAIRS, TOTAL, LETTER = ({"function": f"{HERE}:{name}"} for name in ("pairs", "total", "by_first_letter"))
SUM, CAT = {"aggregate": "Sum"}, {"program": "cat"}
BATCH = batch(cast(Any, functions.pairs))
MAPS = [(None, None), (functions.pairs, PAIRS), (BATCH, {"batch": f"{HERE}:pairs"}), (program("cat"), CAT)]
COMBINES = [(None, None), (functions.partial, {"function": f"{HERE}:partial"}), (program("cat"), CAT)]
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
        seen[json is None] += 1
    assert seen[True] > 20, seen
    assert seen[False] > 1000, seen


CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"map": BATCH, "reduce": {"n": Sum()}, "inputs": {"a": Input(map=functions.pairs)}},
        {"stages": [{"map": {"batch": "a:b"}, "reduce": {"n": SUM}}], "inputs": {"a": {"map": PAIRS}}},
        "inputs.a.map: a batch maps all inputs; leave their own mappers out",
    ),
    (
        {"stages": [Stage(reduce=Sum()), Stage(map=BATCH, reduce={"n": Sum()})]},
        {"stages": [{"reduce": SUM}, {"map": {"batch": "a:b"}, "reduce": {"n": SUM}}]},
        "stages.1.map: only the first stage of a job can be one of batches",
    ),
    (
        {"map": functions.pairs, "input": CSV(), "inputs": {"a": Input()}},
        {"stages": [{"map": PAIRS}], "input": {"format": "csv"}, "inputs": {"a": {}}},
        "input: a job has either `input` or `inputs`",
    ),
    ({"map": functions.pairs, "timeout": -1.5}, {"stages": [{}], "timeout": -1.5}, "timeout: a number of seconds"),
    ({"reduce": Sum(), "outputs": {"a/b": JSONL()}}, {"outputs": {"a/b": {"format": "jsonl"}}}, "outputs: a name is"),
    ({"reduce": Sum(), "files": {"a b": "c"}}, {"files": {"a b": "c"}}, "files: a side file's name is letters"),
    (
        {"reduce": SortLines(), "input": JSONL()},
        {"stages": [{"reduce": {"sort": "lines"}}], "input": {"format": "jsonl"}},
        "stages: a job that sorts lines has one input",
    ),
    (
        {"map": program("cat"), "input": CSV()},
        {"stages": [{"map": CAT}], "input": {"format": "csv"}},
        "input: a program reads lines as they are",
    ),
]


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
            "too many positional arguments; write each with its name. There are name, map",
        ),
        (
            lambda: ANY(functions.pairs),
            r"name is a text, not <function pairs .*: a job's parts are named, as Job\(map=…",
        ),
        (lambda: ANY(map=functions.pairs, files=["a"]), r"files names side files, each with its path: .*, not \['a'\]"),
    ],
)
def test_arguments_that_there_are_not_are_told_with_those_there_are(write, words):
    with pytest.raises(TypeError, match=words):
        write()
