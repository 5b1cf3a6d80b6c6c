"""The plan, which `split` writes once and every worker follows: how many tasks there are, and what each map reads."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from fanfold_steps.inputs.by_lines import cut_by_lines
from fanfold_steps.inputs.listing import File
from fanfold_steps.inputs.splits import Split, UnsplitFile, cut_inputs, input_specs, whole_files
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import JobConf, JobSpec, Program, spec_from_json
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed, read_as
from fanfold_steps.tree.version import TREE_VERSION, demand_version
from fanfold_steps.tree.ways import StageWays
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import open_objects

PLAN_KEY = "plan.json"
PLAN_BEFORE = "plan-before.json"
"""The plan that an earlier run followed, if another one goes on with other code."""
Tasks = dict[str, int]
"""A stage's steps in order, with the number of their tasks; a stage without a reducer has only `map`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The content of `plan.json`, which never changes."""

    spec: JobSpec
    """The job's own spec, or what its entry was compiled to; with a columnar mapper where that is faster."""
    files: list[File]
    splits: list[Split]
    """What each map task of stage 0 reads. In a later stage, each reads what one task of the previous stage wrote."""
    tasks: list[Tasks]
    """By stage."""
    ways: list[StageWays]
    """How each stage is done."""
    bytes: int
    """The size of the input."""
    whole: list[UnsplitFile]
    """Files that are larger than a split and can't be split."""

    @classmethod
    def of(cls, spec: JobSpec, ways: list[StageWays], files: list[File], conf: JobConf) -> "Plan":
        """The plan for a job with these files. `spec` is the compiled one; `ways` says how each stage is done."""
        formats = {name: named.format for name, named in input_specs(spec).items()}
        mapper = spec.stages[0].map
        if isinstance(mapper, Program) and mapper.feed_lines:
            splits = cut_by_lines(files, mapper.feed_lines, open_objects)
        else:
            splits = cut_inputs(files, conf.split_size, formats)
        tasks = _tasks(spec, ways, len(splits), conf.partitions)
        size = sum(file.size for file in files)
        return cls(spec, files, splits, tasks, ways, size, whole_files(files, conf.split_size, formats))

    @classmethod
    def load(cls, tree: JobTree) -> "Plan":
        """The plan in a tree. Raises NotFound, OtherVersion, Malformed."""
        data = load_json(tree)
        try:
            return cls(
                spec=spec_from_json(data["spec"]),
                files=[File(**file) for file in data["files"]],
                splits=[[(number, start, stop) for number, start, stop in split] for split in data["splits"]],
                tasks=data["tasks"],
                ways=[StageWays.from_json(ways) for ways in data["ways"]],
                bytes=data["bytes"],
                whole=[UnsplitFile(**file) for file in data["whole"]],
            )
        except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
            what = f"{tree.url(PLAN_KEY)} isn't what Fanfold writes there ({error!r:.200})"
            raise Malformed("tree", f"{what}: something else changed it; start the job over") from error

    def to_json(self) -> dict[str, Any]:
        """The form that `plan.json` holds. What `PlanHead` reads comes first."""
        head = {"version": TREE_VERSION, "tasks": self.tasks, "bytes": self.bytes}
        ways = {"ways": [ways.to_json() for ways in self.ways]}
        return {**head, **{name: value for name, value in asdict(self).items() if name not in head}, **ways}

    @property
    def skips(self) -> bool:
        """Whether bad records are quarantined; otherwise the first one ends the job."""
        return isinstance(self.spec.on_error, Skip)

    @property
    def last_tasks(self) -> list[Task]:
        """The tasks that write the output's parts, in the order of the parts."""
        return self.tasks_of(len(self.tasks) - 1)

    @property
    def all_tasks(self) -> list[Task]:
        """Every task of every stage."""
        return [
            Task(stage, step, index)
            for stage, steps in enumerate(self.tasks)
            for step, count in steps.items()
            for index in range(count)
        ]

    def tasks_of(self, stage: int) -> list[Task]:
        """The tasks of the stage's last step, in order."""
        step, count = list(self.tasks[stage].items())[-1]
        return [Task(stage, step, index) for index in range(count)]


@dataclass(frozen=True, slots=True)
class PlanHead:
    """How `plan.json` begins: what a service needs of it, whose cost must not follow from what a job writes there."""

    tasks: tuple[Tasks, ...]
    bytes: int

    @classmethod
    def load(cls, tree: JobTree, key: str = PLAN_KEY) -> "PlanHead":
        """Read the first bytes of the plan in a tree. Raises NotFound, OtherVersion, Malformed."""
        url = tree.url(key)
        text = b"".join(tree.objects.read(key, 0, _HEAD_BYTES)).decode("utf-8", "replace")
        head = read_as(cls, _members(text, ("version", "tasks", "bytes"), url), url)
        counts = [count for stage in head.tasks for count in stage.values()]
        steps = {step for stage in head.tasks for step in stage}
        if not head.tasks or not steps <= STEPS or not all(0 <= count <= MOST_TASKS for count in counts):
            raise Malformed("tree", f"{url} names steps that don't exist: something else changed it")
        return head


_HEAD_BYTES = 256 << 10
STEPS = {"map", "shuffle", "reduce"}
MOST_TASKS = 10_000_000  # of a step


def _members(text: str, names: Sequence[str], url: str) -> dict[str, Any]:
    """The first members of a JSON object that may be cut off after them. Raises OtherVersion, Malformed."""
    found: dict[str, Any] = {}
    try:
        at = 0
        for name in names:
            before = ("{" if at == 0 else ", ") + json.dumps(name) + ": "
            if not text.startswith(before, at):
                raise ValueError(f"{name} isn't where it belongs")
            found[name], at = _DECODER.raw_decode(text, at + len(before))
    except (ValueError, RecursionError) as error:
        if text.startswith("{"):
            demand_version(found, url)  # which comes first, and says more than that something is missing
        what = f"{url} doesn't begin as Fanfold writes it ({error})"
        raise Malformed("tree", f"{what}: something else changed it; start the job over") from None
    demand_version(found, url)
    return found


_DECODER = json.JSONDecoder()


def load_json(tree: JobTree) -> dict[str, Any]:
    """`plan.json` as plain JSON, for callers that need little of it. Raises NotFound, OtherVersion, Malformed."""
    data: dict[str, Any] = tree.read(PLAN_KEY)
    demand_version(data, tree.url(PLAN_KEY))
    return data


def begun_conf(tree: JobTree) -> JobConf:
    """The configuration of a job that may be resumed. Raises NotFound; OtherVersion, by its configuration or plan."""
    conf = tree.conf()
    with suppress(NotFound):
        load_json(tree)  # raises for another version
    return conf


def _tasks(spec: JobSpec, ways: list[StageWays], splits: int, partitions: int) -> list[Tasks]:
    by_stage: list[Tasks] = []
    maps = splits
    for stage, done in zip(spec.stages, ways, strict=True):
        reduces = stage.partitions or partitions
        tasks = {"map": maps}
        if done.has_shuffle and (shuffles := groups(maps, reduces)):
            tasks["shuffle"] = shuffles
        if done.reduce:
            tasks["reduce"] = reduces
        by_stage.append(tasks)
        maps = list(tasks.values())[-1]
    return by_stage


GROUP = 64  # map tasks whose runs one shuffle task merges
MANY = 1 << 14
"""The number of segments from which on reading all data twice costs less than opening each one, a request in S3."""


def groups(maps: int, reduces: int) -> int:
    """How many shuffle tasks a stage has; 0 up to `MANY` segments. The output doesn't depend on it.

    >>> groups(1000, 4), groups(1000, 64)
    (0, 16)
    """
    return -(-maps // GROUP) if maps > GROUP and maps * reduces > MANY else 0


def members(group: int, maps: int) -> range:
    """The map tasks whose runs the shuffle task number `group` merges."""
    return range(group * GROUP, min((group + 1) * GROUP, maps))
