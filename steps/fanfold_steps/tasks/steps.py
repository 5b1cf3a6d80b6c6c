"""The classes that do a stage's tasks, for each way.

A worker imports only those that its job needs: importing them all would take longer than a small job runs, and Polars
longer still.
"""

from fanfold_steps.formats.polars_import import let_threads, load_polars
from fanfold_steps.records.map import MapOnlyStep, RecordMapStep
from fanfold_steps.records.reduce import RecordReduceStep
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.stage.steps import MapStep, ReduceStep
from fanfold_steps.tree.ways import Way


def map_step(way: Way, setup: StageSetup) -> MapStep:
    """The map step of a stage. Raises PermanentFailure: its code can't be loaded, or Polars is missing."""
    match way:
        case Way.RECORDS:
            return RecordMapStep(setup) if setup.partitions else MapOnlyStep(setup)
        case Way.PROGRAMS:
            from fanfold_steps.programs.map import ProgramMapStep

            return ProgramMapStep(setup)
        case Way.LINES:
            from fanfold_steps.lines.map import LineMapStep

            return LineMapStep(setup)
        case Way.LINE_COLUMNS:
            load_polars("sorts planned by columns")
            from fanfold_steps.lines.by_columns import ScatterStep

            return ScatterStep(setup)
        case Way.TABLES:
            let_threads(setup.code.conf.workers.get("all", 1))  # a table is read by one worker, while others wait
            load_polars("joins planned by columns")
            from fanfold_steps.tables.map import TableMapStep

            return TableMapStep(setup)
        case Way.COLUMNAR:
            load_polars("batches")
            from fanfold_steps.columnar.map import FrameMapStep

            return FrameMapStep(setup)


def reduce_step(way: Way, setup: StageSetup) -> ReduceStep:
    """The reduce step of a stage. Raises PermanentFailure: as `map_step`."""
    match way:
        case Way.RECORDS:
            return RecordReduceStep(setup)
        case Way.PROGRAMS:
            from fanfold_steps.programs.reduce import ProgramReduceStep

            return ProgramReduceStep(setup)
        case Way.LINES:
            from fanfold_steps.lines.reduce import LineReduceStep

            return LineReduceStep(setup)
        case Way.LINE_COLUMNS:
            load_polars("sorts planned by columns")
            from fanfold_steps.lines.by_columns import SortStep

            return SortStep(setup)
        case Way.TABLES:
            load_polars("joins planned by columns")
            from fanfold_steps.tables.reduce import TableReduceStep

            return TableReduceStep(setup)
        case Way.COLUMNAR:
            load_polars("batches")
            from fanfold_steps.columnar.reduce import FrameReduceStep

            return FrameReduceStep(setup)
