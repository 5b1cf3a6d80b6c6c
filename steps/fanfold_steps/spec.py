"""What a job is, as plain data: `JobSpec` (functions and formats) and `JobConf` (a spec with inputs and output).

Workers read these from `job.json`, so they are standard-library dataclasses; `fanfold.spec` checks JSON against them
with pydantic before anything is written.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the job's code: `module:name`."""

    function: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One of Fanfold's aggregations by name, which is combiner and reducer in one."""

    aggregate: Literal["Sum"]


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One map and reduce. Without `combine`, values travel as they are; an aggregation always combines."""

    map: Function
    reduce: Function | Aggregate
    combine: Function | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """How records are read or written. `text`: a record is a line, a pair is written `key TAB value`."""

    format: Literal["text"] = "text"


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
    input: Format = field(default_factory=Format)
    output: Format = field(default_factory=Format)


@dataclass(frozen=True, slots=True)
class JobConf:
    """`job.json`: a spec, its data and how many workers share it. Immutable once written.

    `workers` counts the workers of each step that the engine starts; they only share out the work: neither they nor
    `split_size` (bytes) can be seen in the output.
    """

    id: str
    spec: JobSpec
    inputs: list[str]
    """URLs of files or folders, in the order in which their records count."""
    output: str
    """URL of the folder that the parts will lie in."""
    partitions: int
    split_size: int
    workers: dict[str, int]
    inputs_digest: str
    """`inputs.digest` of the files as they were when the job was planned."""
    bundle_url: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form that `job.json` holds."""
        return asdict(self)


def stage_from_json(data: dict[str, Any]) -> StageSpec:
    """A stage from its JSON form."""
    reduce = data["reduce"]
    return StageSpec(
        map=Function(**data["map"]),
        reduce=Aggregate(**reduce) if "aggregate" in reduce else Function(**reduce),
        combine=Function(**data["combine"]) if data.get("combine") else None,
    )


def conf_from_json(data: dict[str, Any]) -> JobConf:
    """A `JobConf` from `job.json`, which was checked before it was written."""
    spec = data["spec"]
    return JobConf(
        **{
            **data,
            "spec": JobSpec(
                **{
                    **spec,
                    "stages": [stage_from_json(stage) for stage in spec["stages"]],
                    "input": Format(**spec["input"]),
                    "output": Format(**spec["output"]),
                }
            ),
        }
    )
