"""The ways in which a stage can be done. `split` chooses one, once, and the plan records it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fanfold_steps.inputs.splits import input_specs
from fanfold_steps.job.formats import InputFormat
from fanfold_steps.job.spec import BatchFunction, Function, InputSpec, JobSpec, Program, SortLines

MapSpec = Function | Program | BatchFunction | None


class Way(StrEnum):
    """How the tasks of a step are done; each way has a class for the map step and one for the reduce step."""

    RECORDS = "records"
    """The user's functions are called with each record."""
    COLUMNAR = "columnar"
    """The user's function takes and returns data frames, which are aggregated by column."""
    LINES = "lines"
    """Lines are sorted as strings and merged."""
    LINE_COLUMNS = "line-columns"
    """Lines are sorted as a column, by Polars."""
    TABLES = "tables"
    """Rows of two tables are joined by columns."""
    PROGRAMS = "programs"
    """A process reads and writes lines, as in Hadoop Streaming."""


@dataclass(frozen=True, slots=True)
class StageWays:
    """How the steps of one stage are done."""

    map: dict[str, Way]
    """By the input's name, because each input may have a mapper of its own. A later stage has one input, ''."""
    reduce: Way | None
    """None for a stage without a reducer."""
    columns: dict[str, list[str]] | None = None
    """The columns of each input's tables, where these are joined by columns."""

    @property
    def has_shuffle(self) -> bool:
        """Whether a shuffle step can merge the runs of the stage's map tasks: it can for records and programs."""
        return self.reduce in (Way.RECORDS, Way.PROGRAMS)

    def to_json(self) -> dict[str, Any]:
        """The form that a plan holds."""
        columns = {"columns": self.columns} if self.columns else {}
        return {"map": self.map, "reduce": self.reduce, **columns}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "StageWays":
        """The ways that a plan records. Raises ValueError, KeyError, TypeError, AttributeError."""
        maps, reduce = data["map"], data["reduce"]
        assert isinstance(maps, dict)
        columns = data.get("columns")
        assert columns is None or isinstance(columns, dict)
        read = {name: Way(way) for name, way in maps.items()}, Way(str(reduce)) if reduce else None
        return cls(*read, columns and {name: [str(one) for one in names] for name, names in columns.items()})


@dataclass(frozen=True, slots=True)
class MappedInput:
    """An input's format, and its mapper."""

    format: InputFormat
    map: MapSpec


def inputs_of(spec: JobSpec, stage: int) -> dict[str, MappedInput]:
    """The inputs of a stage by name, in the order of their records. A later stage has one input, ''."""
    declared = input_specs(spec) if stage == 0 else {"": InputSpec()}
    return {name: MappedInput(one.format, one.map or spec.stages[stage].map) for name, one in declared.items()}


def ways_of(spec: JobSpec, *, sorts_columns: bool = False) -> list[StageWays]:
    """How the stages of a job are done according to its spec; `sorts_columns` says whether lines are sorted as a
    column."""
    sort = Way.LINE_COLUMNS if sorts_columns else Way.LINES
    return [_ways_of_stage(spec, number, sort) for number in range(len(spec.stages))]


def _ways_of_stage(spec: JobSpec, number: int, sort: Way) -> StageWays:
    stage, inputs = spec.stages[number], inputs_of(spec, number)
    if isinstance(stage.reduce, SortLines):
        return StageWays(dict.fromkeys(inputs, sort), sort)
    if isinstance(stage.map, BatchFunction):
        return StageWays(dict.fromkeys(inputs, Way.COLUMNAR), Way.COLUMNAR)
    reduces_program = isinstance(stage.reduce, Program)
    maps = {
        name: Way.PROGRAMS if reduces_program or isinstance(one.map, Program) else Way.RECORDS
        for name, one in inputs.items()
    }
    reduce = None if stage.reduce is None else Way.PROGRAMS if reduces_program else Way.RECORDS
    return StageWays(maps, reduce)
