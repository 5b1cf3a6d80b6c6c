"""The plan: what `split` writes down once and every worker follows: how many tasks there are, what each map reads."""

from dataclasses import asdict, dataclass
from typing import Any

from fanfold_steps.inputs import Split, Whole, cut_inputs, input_specs, whole_files
from fanfold_steps.listing import File
from fanfold_steps.shuffle import groups
from fanfold_steps.spec import JobConf, JobSpec, StageSpec, spec_from_json
from fanfold_steps.tree import JobTree, Task

PLAN_KEY = "plan.json"
Tasks = dict[str, int]
"""A stage's steps in order, with the number of their tasks; one without a reducer has only `map`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`plan.json`. Immutable once written."""

    spec: JobSpec
    """The job's own, or what its entry was compiled to; in columns where that is quicker."""
    files: list[File]
    splits: list[Split]
    """What each map task of stage 0 reads. A map task of a later stage reads what one task of the stage before gave."""
    tasks: list[Tasks]
    """By stage."""
    bytes: int
    whole: list[Whole]
    """Files that are larger than a split and can't be split."""

    @classmethod
    def of(cls, spec: JobSpec, files: list[File], conf: JobConf) -> "Plan":
        """The plan for a job (`spec` is the compiled one) and its files."""
        formats = {name: named.format for name, named in input_specs(spec).items()}
        splits = cut_inputs(files, conf.split_size, formats)
        tasks = _tasks(spec.stages, len(splits), conf.partitions)
        size = sum(file.size for file in files)
        return cls(spec, files, splits, tasks, size, whole_files(files, conf.split_size, formats))

    @classmethod
    def load(cls, tree: JobTree) -> "Plan":
        """The plan in a tree. Raises NotFound."""
        data = tree.load(PLAN_KEY)
        return cls(
            spec=spec_from_json(data["spec"]),
            files=[File(**file) for file in data["files"]],
            splits=[[(number, start, stop) for number, start, stop in split] for split in data["splits"]],
            tasks=data["tasks"],
            bytes=data["bytes"],
            whole=[Whole(**file) for file in data["whole"]],
        )

    def to_json(self) -> dict[str, Any]:
        """The form that `plan.json` holds."""
        return asdict(self)

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
        """The tasks whose output is the stage's, in order."""
        step, count = list(self.tasks[stage].items())[-1]
        return [Task(stage, step, index) for index in range(count)]


def _tasks(stages: list[StageSpec], splits: int, partitions: int) -> list[Tasks]:
    found: list[Tasks] = []
    maps = splits
    for stage in stages:
        reduces = stage.partitions or partitions
        if stage.reduce is None:
            found.append({"map": maps})
        elif shuffles := groups(stage, maps, reduces):
            found.append({"map": maps, "shuffle": shuffles, "reduce": reduces})
        else:
            found.append({"map": maps, "reduce": reduces})
        maps = list(found[-1].values())[-1]
    return found
