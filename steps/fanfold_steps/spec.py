"""What a job is, as plain data: `JobSpec` (functions and formats) and `JobConf` (a spec with inputs and output).

Workers read these from `job.json`, so they are standard-library dataclasses; `fanfold.spec` checks JSON against them
with pydantic before anything is written.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from fanfold_steps.formats.declared import InputFormat, OutputFormat, Text, from_json
from fanfold_steps.policy import Fail, Policy, Skip

MOST_PARTITIONS = 10_000
NAME = "[A-Za-z][A-Za-z0-9_-]{0,63}"
"""What inputs and outputs may be called, as a pattern."""
_BY_NAME = {"discriminator": "format"}  # pydantic's word: which format it is decides what else may stand there


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the job's code: `module:name`."""

    function: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A function of frames in the job's code, `module:name`: it takes a frame of records and returns one of rows."""

    batch: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program of any language, by its command line; it reads and writes lines. Of what a mapper or combiner writes,
    the first `key_fields` fields, each before a tab, are the key."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)
    key_fields: int = 1


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One of Fanfold's aggregations by name, which is combiner and reducer in one. `TopK` takes one argument, how many
    values; `Variance` may take one, what is taken off the count (1 unless given); the others take none."""

    aggregate: Literal[
        "Sum", "Count", "Min", "Max", "Mean", "Variance",
        "TopK", "Distinct", "CountDistinct", "First", "Last", "Collect",
    ]  # fmt: skip
    arguments: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SortLines:
    """Sorts the lines of a text by their bytes, through all parts; each comes out as it went in, as often."""

    sort: Literal["lines", "lines by columns"] = "lines"
    """By columns: in memory, by Polars, where there is enough; `split` chooses it for large inputs."""


Reduce = Function | Program | Aggregate | list[Aggregate] | dict[str, Aggregate] | SortLines


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A map and a reduce, or one of them.

    Without `map` each record is taken as the (key, value) pair that it is. Without `reduce` what the mapper gives is
    the stage's output. Without `combine` values travel as they are; an aggregation always combines. A list of
    aggregations aggregates tuples of values, place by place. Without `partitions` the job's number holds.

    A `Batch`, which only the first stage can be, goes with aggregations by column: its other columns are the key.
    A key's partition is told by a hash; by the function `partition`, of the key and their number; or, with `order`
    "total", by ranges of keys, so that the keys of each part come before those of the next. With `sort_values` the
    values of a key reach the reducer in the order that keys have.
    """

    map: Function | Program | Batch | None = None
    reduce: Reduce | None = None
    combine: Function | Program | None = None
    partitions: int | None = None
    partition: Function | None = None
    sort_values: bool = False
    order: Literal["total"] | None = None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A named input: what its records are, and its mapper; without one, the first stage's."""

    format: InputFormat = field(default_factory=Text, metadata=_BY_NAME)
    map: Function | Program | None = None


Inputs = list[str] | dict[str, list[str]]
"""URLs of files or folders in the order in which their records count; by name where the job names its inputs."""


def urls_of(inputs: Inputs) -> list[str]:
    """The URLs, whatever name they have.

    >>> urls_of({"users": ["a", "b"], "orders": ["c"]})
    ['a', 'b', 'c']
    """
    return [url for urls in inputs.values() for url in urls] if isinstance(inputs, dict) else inputs


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job without its data: what a script may write by hand and a `Job` compiles to.

    Either `stages` says what to run, or `entry` (`module:name` of a `Job` in the bundle) does, and the first worker
    compiles it into the plan: no service ever imports a user's code.
    """

    version: Literal[1] = 1
    name: str = "job"
    bundle: str | None = None
    """SHA-256 (hex) of the code bundle; None when the functions are Fanfold's own."""
    entry: str | None = None
    stages: list[StageSpec] = field(default_factory=list)
    input: InputFormat = field(default_factory=Text, metadata=_BY_NAME)
    output: OutputFormat = field(default_factory=Text, metadata=_BY_NAME)
    inputs: dict[str, InputSpec] = field(default_factory=dict)
    """Named inputs, instead of `input`; the records of an earlier one come before those of a later one."""
    outputs: dict[str, OutputFormat] = field(default_factory=dict)
    """Named outputs, beside `output`."""
    params: Function | None = None
    """The pydantic model of the job's parameters."""
    files: dict[str, str] = field(default_factory=dict)
    """Side files by name: their paths in the bundle."""
    timeout: float | None = None
    """Seconds that one task may take."""
    on_error: Policy = field(default_factory=Fail, metadata={"discriminator": "policy"})


@dataclass(frozen=True, slots=True)
class JobConf:
    """`job.json`: a spec, its data and how many workers share it. Immutable once written.

    `workers` counts the workers of each step that the engine starts; they only share out the work: neither they nor
    `split_size` (bytes) nor `memory` can be seen in the output.
    """

    id: str
    spec: JobSpec
    inputs: Inputs
    output: str
    """URL of the folder that the parts will lie in."""
    partitions: int
    split_size: int
    workers: dict[str, int]
    inputs_digest: str
    """`inputs.digest` of the files as they were when the job was planned."""
    bundle_url: str | None = None
    memory: int | None = None
    """Bytes that all workers together may hold; None is half of what their machine, or each one's container, has."""

    params: dict[str, Any] = field(default_factory=dict)
    """The job's parameters as they were given."""

    @property
    def input_urls(self) -> list[str]:
        """All that is read, whatever its name."""
        return urls_of(self.inputs)

    def to_json(self) -> dict[str, Any]:
        """The form that `job.json` holds."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data


def spec_from_json(data: dict[str, Any]) -> JobSpec:
    """A JobSpec from its JSON form, which was checked before it was written."""
    inputs = {
        name: InputSpec(from_json(named["format"]), _called(named.get("map")))
        for name, named in data.get("inputs", {}).items()
    }
    read: dict[str, Any] = {
        "stages": [stage_from_json(stage) for stage in data["stages"]],
        "input": from_json(data["input"]),
        "output": from_json(data["output"]),
        "inputs": inputs,
        "outputs": {name: from_json(declared) for name, declared in data.get("outputs", {}).items()},
        "params": Function(**data["params"]) if data.get("params") else None,
        "on_error": _policy_from_json(data.get("on_error")),
    }
    return JobSpec(**{**data, **read})


def stage_from_json(data: dict[str, Any]) -> StageSpec:
    """A stage from its JSON form."""
    read = {
        "map": Batch(**data["map"]) if "batch" in (data.get("map") or ()) else _called(data.get("map")),
        "reduce": _reduce_from_json(data.get("reduce")),
        "combine": _called(data.get("combine")),
        "partition": _called(data.get("partition")),
    }
    return StageSpec(**{**data, **read})


def _policy_from_json(data: Any) -> Policy:
    return Skip(**data) if data and data["policy"] == "skip" else Fail()


def _called(data: Any) -> Function | Program | None:
    if not data:
        return None
    return Program(**data) if "program" in data else Function(**data)


def _reduce_from_json(data: Any) -> Any:
    if isinstance(data, list):
        return [Aggregate(**part) for part in data]
    if data and all(isinstance(part, dict) for part in data.values()):
        return {column: Aggregate(**part) for column, part in data.items()}
    if data and "sort" in data:
        return SortLines(**data)
    return Aggregate(**data) if data and "aggregate" in data else _called(data)


def conf_from_json(data: dict[str, Any]) -> JobConf:
    """A `JobConf` from `job.json`, which was checked before it was written."""
    return JobConf(**{**data, "spec": spec_from_json(data["spec"])})
