"""The mapper of a stage, as the loops call it: with one item, a record or a pair of key and record."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fanfold_steps import keys
from fanfold_steps.batches import Batch
from fanfold_steps.code import Code, takes
from fanfold_steps.failure import PermanentFailure, of_user_code, raised_in_user_code, shown
from fanfold_steps.spec import Function

Check = Callable[[object], str | None]
"""What is wrong with a value that a mapper gave."""


@dataclass(frozen=True, slots=True)
class Mapper:
    """What is called with each item, and whether that is a pair of key and record."""

    call: Callable[[Any], Iterable[Any]]
    keyed: bool
    code: Code
    generates: bool = True
    """Whether it gives its records by `yield` (or is our own), so that what it returns needn't be looked at."""

    @classmethod
    def of(cls, spec: Function | None, code: Code) -> "Mapper":
        """The mapper that a spec names; without one, each record stands for itself. Raises PermanentFailure."""
        if spec is None:
            return cls(lambda record: (record,), False, code)
        function = code.function(spec.function, "mapper", 1, 2)
        generates = inspect.isgeneratorfunction(function)
        if takes(function, 1):
            return cls(function, False, code, generates)
        return cls(lambda pair: function(*pair), True, code, generates)

    def items(self, batch: Batch, records: list[Any]) -> list[Any]:
        """The records of a batch, as this mapper takes them."""
        return batch.pairs(records) if self.keyed else records

    def failure(
        self, error: BaseException, batch: Batch, records: list[Any], number: int, check: Check | None = None
    ) -> PermanentFailure:
        """Why it failed at one of a batch's records; with `check` what it gives has to be pairs with good values."""
        position = batch.position_of(number, records[number])
        if isinstance(error, WrongResult):
            return PermanentFailure("mapper", str(error), position=position)
        if raised_in_user_code(error.__traceback__):
            return of_user_code("mapper", error, self.code.root, position)
        problem = self._explain(self.items(batch, records)[number], check) or f"{type(error).__name__}: {shown(error)}"
        return PermanentFailure("mapper", problem, position=position)

    def _explain(self, item: Any, check: Check | None) -> str | None:
        """What is wrong with what it gave, found by running it once more; None if it can't be told."""
        if self.keyed and not _is_pair(item):
            return f"the mapper takes a key and a record, but the stage before gave {shown(item)}, which is no pair"
        try:
            return _wrong_result(self.call(item), check)
        except Exception:  # noqa: BLE001 — the mapper may do something else the second time
            return None


class WrongResult(TypeError):
    """A mapper returned what can't be a list of its records."""


def checked(call: Callable[[Any], Iterable[Any]]) -> Callable[[Any], Iterable[Any]]:
    """A mapper that returns rather than yields, with a look at what it returns: the letters of a text, or the key and
    the value of one pair, would else be taken for records."""

    def call_and_look(item: Any) -> Iterable[Any]:
        records = call(item)
        if records is None or isinstance(records, str | bytes | tuple):
            kind = "None" if records is None else type(records).__name__
            raise WrongResult(f"the mapper returned {kind}: let it yield records, or return a list of them")
        return records

    return call_and_look


def _wrong_result(emitted: Any, check: Check | None) -> str | None:
    what = "(key, value) pairs" if check else "records"
    if not hasattr(emitted, "__iter__"):
        kind = "None" if emitted is None else type(emitted).__name__
        return f"the mapper returned {kind}: let it yield {what}, or return a list of them"
    return _wrong_pair(emitted, check) if check else None


def _wrong_pair(emitted: Iterable[Any], check: Check) -> str | None:
    for pair in emitted:
        if not _is_pair(pair):
            return f"the mapper must give (key, value) pairs, but gave {shown(pair)}"
        try:
            keys.encode(pair[0])
        except keys.UnsortableKey as error:
            return str(error)
        if problem := check(pair[1]):
            return f"{problem}, for the key {shown(pair[0])}"
    return None


def _is_pair(item: object) -> bool:
    return isinstance(item, tuple | list) and len(item) == 2
