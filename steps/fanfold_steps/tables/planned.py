"""The join that a stage was planned as: what is joined, and where its columns stand."""

from dataclasses import dataclass

from fanfold_steps.job.spec import Function
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.user_code.twins import TableJoin


@dataclass(frozen=True, slots=True)
class PlannedJoin:
    """A join of two tables whose columns are known, the left one first."""

    join: TableJoin
    inputs: list[str]
    """The names of the inputs that the tables are."""
    tables: tuple[list[str], list[str]]
    """The names of their columns. In frames these are called "0", "1", …"""
    keys: tuple[list[str], list[str]]
    """The columns by which rows are joined, as frames call them."""

    @classmethod
    def of(cls, setup: StageSetup) -> "PlannedJoin":
        """The join of a stage that is done by columns."""
        assert setup.columns
        assert isinstance(setup.stage.reduce, Function)
        join = setup.code.table_join(setup.stage.reduce.function)
        assert join
        left, right = setup.columns.values()
        keys = _places(left, join.columns[0]), _places(right, join.columns[1])
        return cls(join, list(setup.columns), (left, right), keys)


def _places(columns: list[str], names: list[str]) -> list[str]:
    return [str(columns.index(name)) for name in names]
