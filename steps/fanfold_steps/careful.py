"""A mapper that puts aside the records at which it fails: each is looked at by itself before anything is taken in.

That takes longer, so a task only does so after a batch of records failed.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from fanfold_steps.counters import Tally
from fanfold_steps.cursor import Cursor
from fanfold_steps.mappers import Check, Mapper, WrongResult, checked, wrong_pair
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.returned import wrong_return
from fanfold_steps.to import UnknownOutput


def careful(mapper: Mapper, cursor: Cursor, tally: Tally, quarantine: Quarantine, check: Check | None = None) -> Mapper:
    """The mapper that gives nothing for a bad record, and takes back what it counted; with `check` it gives pairs."""
    inner = mapper.call if check or mapper.generates else checked(mapper.call)

    def call(item: Any) -> Iterable[Any]:
        tally.mark()
        if mapper.aside:
            mapper.aside.mark()
        try:
            given = _given(inner, item, check)
        except (MemoryError, UnknownOutput):
            raise
        except Exception as error:  # noqa: BLE001 — that is what it is for
            failure = mapper.failure(error, cursor, check)
            tally.take_back()
            if mapper.aside:
                mapper.aside.take_back()
            quarantine.add_record(cursor.place, cursor.record, failure)
            return ()
        if mapper.aside:
            mapper.aside.keep()
        return given

    return replace(mapper, call=call, generates=True)


def _given(call: Callable[[Any], Iterable[Any]], item: Any, check: Check | None) -> list[Any]:
    given = call(item)
    what = "(key, value) pairs" if check else "records"
    if problem := wrong_return("the mapper", given, what, in_tuple=True):  # our own mappers give tuples
        raise WrongResult(problem)
    records = list(given)
    if check and (problem := next(filter(None, (wrong_pair(pair, check) for pair in records)), None)):
        raise WrongResult(problem)
    return records
