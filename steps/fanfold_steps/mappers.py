"""The mapper of a stage, as the loops call it: with one item, a record or a pair of key and record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from fanfold_steps import keys
from fanfold_steps.aside import Aside
from fanfold_steps.batches import Batch
from fanfold_steps.calling import Part
from fanfold_steps.code import Code
from fanfold_steps.context import Context
from fanfold_steps.cursor import Cursor
from fanfold_steps.failure import PermanentFailure, of_user_code, raised_in_user_code, shown
from fanfold_steps.returned import wrong_return
from fanfold_steps.spec import Function, Program
from fanfold_steps.to import To, UnknownOutput

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
    part: Part | None = None
    """The user's function or object; None for our own."""
    finish: Callable[[], Iterable[Any]] = tuple
    """What its `finish` gives in the end."""
    program: Program | None = None
    """What has mapped the records already, when they come here."""
    aside: Aside | None = None
    """Takes off what it gives for named outputs, if the job has any."""

    @classmethod
    def of(cls, spec: Function | Program | None, code: Code) -> "Mapper":
        """The mapper that a spec names; without one, each record stands for itself. Raises PermanentFailure."""
        if spec is None:
            return cls(lambda record: (record,), False, code)
        if isinstance(spec, Program):
            return cls(as_written, False, code, program=spec)
        part = code.part(spec.function, "mapper", 1, 2)
        return cls(_not_begun, not part.takes(1), code, part.generates, part)

    def begin(self, context: Context) -> "Mapper":
        """The mapper for one attempt: with its context, its `start` called. Raises PermanentFailure."""
        if self.part is None:
            return self
        running = self.part.begin(context)
        given = running.call
        call = (lambda pair: given(*pair)) if self.keyed else given
        if not self.aside:
            return replace(self, call=call, finish=running.finish)
        aside, looked_at = self.aside, call if self.generates else checked(call)
        aside.restart()
        return replace(
            self,
            call=lambda item: aside.without(looked_at(item)),
            finish=lambda: aside.without(running.finish()),
            generates=True,
        )

    def items(self, batch: Batch, records: list[Any]) -> list[Any]:
        """The records of a batch, as this mapper takes them."""
        return batch.pairs(records) if self.keyed else records

    def failure(self, error: BaseException, cursor: Cursor, check: Check | None = None) -> PermanentFailure:
        """Why it failed at a record; with `check` what it gives has to be pairs with good values."""
        position = cursor.position
        if isinstance(error, PermanentFailure):
            return error
        if isinstance(error, WrongResult | UnknownOutput):
            return PermanentFailure("mapper", str(error), position=position)
        if raised_in_user_code(error.__traceback__):
            return of_user_code("mapper", error, self.code.root, position)
        problem = self._explain(cursor.item, check) if position else None
        problem = problem or f"{type(error).__name__}: {error}"
        return PermanentFailure("mapper", problem, position=position)

    def _explain(self, item: Any, check: Check | None) -> str | None:
        """What is wrong with what it gave, found by running it once more; None if it can't be told."""
        if self.keyed and not is_pair(item):
            return f"the mapper takes a key and a record, but the stage before gave {shown(item)}, which is no pair"
        try:
            return _wrong_result(self.call(item), check)
        except Exception:  # noqa: BLE001 — the mapper may do something else the second time
            return None


def as_written(record: Any) -> tuple[Any]:
    """Gives on what a program wrote."""
    return (record,)


class WrongResult(TypeError):
    """A mapper returned what can't be a list of its records."""


def checked(call: Callable[[Any], Iterable[Any]], *, pairs: bool = False) -> Callable[[Any], Iterable[Any]]:
    """A mapper that returns rather than yields, with a look at what it returns: records, or `pairs`."""

    def call_and_look(item: Any) -> Iterable[Any]:
        records = call(item)
        if type(records) is not list and (problem := wrong_records(records, pairs=pairs)):
            raise WrongResult(problem)
        return records

    return call_and_look


def demand_pair(given: object) -> None:
    """Raise WrongResult unless it is a pair: of a text of two letters the one would be a key, the other a value."""
    if not is_pair(given):
        raise WrongResult(no_pair(given))


def wrong_records(given: object, *, pairs: bool) -> str | None:
    """What is wrong with what a mapper returned, if it isn't any number of records, or of pairs, at all."""
    return wrong_return("the mapper", given, "(key, value) pairs" if pairs else "records", in_tuple=pairs)


def _wrong_result(emitted: Any, check: Check | None) -> str | None:
    if (problem := wrong_records(emitted, pairs=bool(check))) or not check:
        return problem
    return next(filter(None, (wrong_pair(pair, check) for pair in emitted)), None)


def wrong_pair(pair: Any, check: Check) -> str | None:
    """What is wrong with what should be a pair of a key and a good value."""
    if not is_pair(pair):
        return no_pair(pair)
    try:
        keys.encode(pair[0])
    except keys.UnsortableKey as error:
        return str(error)
    problem = check(pair[1])
    return problem and f"{problem}, for the key {shown(pair[0])}"


def no_pair(given: object) -> str:
    """What is wrong with what isn't a pair."""
    if isinstance(given, To):
        return f"the mapper gave {shown(given)}, but the job has no named outputs: name it in `outputs`"
    return f"the mapper must give (key, value) pairs, but gave {shown(given)}"


def _not_begun(record: Any) -> Iterable[Any]:
    raise AssertionError("a mapper begins with a context")


def is_pair(item: object) -> bool:
    """Whether it is a pair, as a mapper or a combiner gives them."""
    return isinstance(item, tuple | list) and len(item) == 2
