"""A job as plain data: `JobSpec` (functions and formats), and `JobConf` (a spec with inputs, output and sizes).

Workers read these from `job.json`, so they are standard-library dataclasses; `fanfold.rules.spec` checks JSON against
them with pydantic before anything is written.
"""

import json
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from typing import Any, Literal

from fanfold_steps.job.dependencies import Dependencies, dependencies_from_json
from fanfold_steps.job.formats import InputFormat, OutputFormat, Text, from_json
from fanfold_steps.job.policy import Fail, Policy, Skip
from fanfold_steps.job.resources import Resources, Toleration

MOST_PARTITIONS = 10_000
NAME = "[A-Za-z][A-Za-z0-9_-]{0,63}"
"""The pattern of the names of inputs and outputs."""
_BY_NAME = {"discriminator": "format"}  # pydantic's term: the format decides which other fields there may be


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the job's code: `module:name`."""

    function: str


@dataclass(frozen=True, slots=True)
class BatchFunction:
    """A function of frames in the job's code, `module:name`: it takes a frame of records and returns one of rows."""

    batch: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program in any language, by its command line; it reads and writes lines.

    The key of a line that it writes is its first `key_fields` fields, which a `separator` delimits; `joint` replaces
    the separator after the key, if they differ. A line with fewer separators is a key alone.

    `feed` says what a mapper reads: "lines"; "numbered lines", each preceded by its offset in the file and a tab; or
    "path": no lines, but two more arguments, the path of a decompressed copy of one input file and the file's own path
    or URL. With `feed_lines`, each process reads that many lines of a file.
    """

    program: str
    environment: dict[str, str] = dataclass_field(default_factory=dict)
    key_fields: int = 1
    separator: str = "\t"
    joint: str = "\t"
    feed: Literal["lines", "numbered lines", "path"] = "lines"
    feed_lines: int | None = None


@dataclass(frozen=True, slots=True)
class FieldOrder:
    """How a program's lines are sorted and partitioned by fields of their keys, in the terms of sort(1).

    `sort` holds options such as `-k2,2nr -k1,1`, for fields that `separator` delimits; without options, keys are
    compared as a whole, by their bytes. `partition` holds options such as `-k1,2`, the fields that determine the
    partition; without options, the whole key does. Lines that compare equal stay in input order; with `by_line` they
    are sorted by what follows the key, including the line break.
    """

    sort: str = ""
    partition: str = ""
    separator: str = "\t"
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One of Fanfold's aggregations by name; each is a combiner and a reducer in one. `TopK` takes one argument, the
    number of values; `Variance` may take one, which is subtracted from the count (1 by default); the others take none.

    For named results, `field` is the field to aggregate; the default is the result's own name (`Count` takes no field).
    With `rows`, each entry of the list that `TopK`, `Distinct` or `Collect` returns becomes a row of its own."""

    aggregate: Literal[
        "Sum", "Count", "Min", "Max", "Mean", "Variance",
        "TopK", "Distinct", "CountDistinct", "First", "Last", "Collect",
    ]  # fmt: skip
    arguments: list[int] = dataclass_field(default_factory=list)
    field: str | None = None
    rows: bool = False


@dataclass(frozen=True, slots=True)
class SortLines:
    """Sorts the lines of a text by their bytes, across all parts; all lines are kept, unchanged."""

    sort: Literal["lines"] = "lines"


Reduce = Function | Program | Aggregate | list[Aggregate] | dict[str, Aggregate] | SortLines


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A map and a reduce, or one of them.

    Without `map`, each record must be a (key, value) pair. Without `reduce`, the mapper's records are the stage's
    output. Without `combine`, values aren't combined; an aggregation always combines. A list of aggregations aggregates
    tuples of values, element by element. Without `partitions`, the stage has the job's number.

    A dict of aggregations by name takes records with fields, of which `key` names those that form the key, and returns
    a row for each key: its fields and the results. A `BatchFunction`, which only the first stage can have, needs such a
    dict: its columns are the fields, and without `key` all columns that aren't aggregated form the key.

    A key's partition is chosen by a hash; by the function `partition`, called with the key and the number of
    partitions; or, with `order="total"`, by ranges of keys, so that the keys of each part come before those of the
    next. With `sort_values`, the values of a key reach the reducer sorted, in the order of keys.
    """

    map: Function | Program | BatchFunction | None = None
    reduce: Reduce | None = None
    combine: Function | Program | None = None
    partitions: int | None = None
    partition: Function | None = None
    sort_values: bool = False
    order: Literal["total"] | None = None
    key: list[str] | None = None
    fields: FieldOrder | None = None
    """For a reducer program: an order other than that of the keys' bytes."""
    resources: Resources | None = None
    """What this stage's workers get, over what the job says."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A named input: its format, and its mapper; without one, the first stage's mapper."""

    format: InputFormat = dataclass_field(default_factory=Text, metadata=_BY_NAME)
    map: Function | Program | None = None


Inputs = list[str] | dict[str, list[str]]
"""URLs of files, folders or patterns, in the order of their records; by name if the job names its inputs."""


def urls_of(inputs: Inputs) -> list[str]:
    """The URLs of all inputs, whatever their names.

    >>> urls_of({"users": ["a", "b"], "orders": ["c"]})
    ['a', 'b', 'c']
    """
    return [url for urls in inputs.values() for url in urls] if isinstance(inputs, dict) else inputs


@dataclass(frozen=True, slots=True)
class Identity:
    """What a function, class or object was where the job was compiled. Workers compare it with what they import, since
    the name may lead to something else there.

    `code` has, as `LINE:DIGEST`, its own code under "", and that of the functions and classes that it reaches by their
    names. Every version of Python compiles in its own way, so where `python` is another one, only lines are compared.
    `values` has digests of what it holds (the attributes of an object, the arguments of a partial, defaults, variables
    of a closure) and, as `module:name`, of variables that the job's own script may set.
    """

    name: str
    """Its qualified name where it is defined; another name may lead to it."""
    python: str = ""
    code: dict[str, str] = dataclass_field(default_factory=dict)
    values: dict[str, str] = dataclass_field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job without its data: a `Job` compiles to it, and a script may write it by hand.

    Either `stages` says what to run, or `entry` does (`module:name` of a `Job` in the bundle). The first worker
    compiles an entry into the plan, so no service ever imports a user's code.
    """

    version: Literal[1] = 1
    name: str = "job"
    bundle: str | None = None
    """SHA-256 (hex) of the code bundle; None if the functions are Fanfold's own."""
    entry: str | None = None
    stages: list[StageSpec] = dataclass_field(default_factory=list)
    input: InputFormat = dataclass_field(default_factory=Text, metadata=_BY_NAME)
    output: OutputFormat = dataclass_field(default_factory=Text, metadata=_BY_NAME)
    inputs: dict[str, InputSpec] = dataclass_field(default_factory=dict)
    """Named inputs, instead of `input`; the records of an earlier one come before those of a later one."""
    outputs: dict[str, OutputFormat] = dataclass_field(default_factory=dict)
    """Named outputs, in addition to `output`."""
    params: Function | None = None
    """The pydantic model of the job's parameters."""
    files: dict[str, str] = dataclass_field(default_factory=dict)
    """Side files by name: their paths in the bundle."""
    timeout: float | None = None
    """How many seconds one task may take."""
    on_error: Policy = dataclass_field(default_factory=Fail, metadata={"discriminator": "policy"})
    python: str | None = None
    """The version (`3.12`) that alone can run the job, since some of its functions lie pickled in the bundle."""
    identities: dict[str, Identity] = dataclass_field(default_factory=dict)
    """What functions were where the job was compiled, by their references. What isn't listed is run as it is found."""
    dependencies: Dependencies | None = None
    """The packages that the code imports, beside those that workers have anyway."""
    resources: Resources | None = None
    """What all workers get, unless a stage says otherwise."""
    image: str | None = None
    """The image of pods; None is the operator's."""
    task_version: str | None = None
    """Distinguishes code whose tasks write something else: committed tasks count for other code of the same version."""

    def resources_of(self, stage: int) -> Resources:
        """What the workers of a stage get: what the stage says, over what the job says."""
        job = self.resources or Resources()
        return (self.stages[stage].resources or Resources()).over(job) if self.stages else job


@dataclass(frozen=True, slots=True)
class JobConf:
    """The content of `job.json`: a spec, its data, and the number of workers. It never changes.

    `workers` counts the workers that the engine starts for each step. The output doesn't depend on it, nor on
    `split_size` (bytes) or `memory`.
    """

    id: str
    spec: JobSpec
    inputs: Inputs
    output: str
    """The URL of the folder for the parts."""
    partitions: int
    split_size: int
    workers: dict[str, int]
    inputs_digest: str
    """`inputs.digest` of the files at the time when the job was planned."""
    bundle_url: str | None = None
    wheels_url: str | None = None
    """The URL of the folder in which the wheels of the job's dependencies lie, each under its SHA-256."""
    memory: int | None = None
    """Bytes that all workers together may use; None is half of what their machine, or each one's container, has."""
    params: dict[str, Any] = dataclass_field(default_factory=dict)
    """The job's parameters, not yet checked by its model."""

    @property
    def input_urls(self) -> list[str]:
        """The URLs of all inputs, whatever their names."""
        return urls_of(self.inputs)

    def to_json(self) -> dict[str, Any]:
        """The content of `job.json`, without the version."""
        data: dict[str, Any] = json.loads(json.dumps(self, default=_members))
        return data


def _members(value: Any) -> dict[str, Any]:
    """A dataclass for `json.dumps`. `asdict` would copy all that it holds first, which takes as long again."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def spec_from_json(data: dict[str, Any]) -> JobSpec:
    """A JobSpec from JSON that was checked before it was written."""
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
        "resources": _resources_from_json(data.get("resources")),
        "identities": {reference: Identity(**one) for reference, one in data.get("identities", {}).items()},
        "dependencies": dependencies_from_json(data.get("dependencies")),
    }
    return JobSpec(**{**data, **read})


def stage_from_json(data: dict[str, Any]) -> StageSpec:
    """A stage from JSON that was checked before it was written."""
    read = {
        "map": BatchFunction(**data["map"]) if "batch" in (data.get("map") or ()) else _called(data.get("map")),
        "reduce": _reduce_from_json(data.get("reduce")),
        "combine": _called(data.get("combine")),
        "partition": _called(data.get("partition")),
        "fields": FieldOrder(**data["fields"]) if data.get("fields") else None,
        "resources": _resources_from_json(data.get("resources")),
    }
    return StageSpec(**{**data, **read})


def _policy_from_json(data: Any) -> Policy:
    return Skip(**data) if data and data["policy"] == "skip" else Fail()


def _resources_from_json(data: Any) -> Resources | None:
    if data is None:
        return None
    return Resources(**{**data, "tolerations": [Toleration(**one) for one in data["tolerations"]]})


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
