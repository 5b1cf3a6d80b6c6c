"""A mapper that quarantines the records at which it fails: each is looked at by itself before anything is taken in.

That takes longer, so a task only does so after a batch of records failed.
"""

from collections.abc import Callable, Iterable
from typing import Any

from fanfold_steps.failure.blame import Blame
from fanfold_steps.failure.permanent import NOT_OF_USER_CODE, PermanentFailure
from fanfold_steps.memory.taken import taken
from fanfold_steps.outputs.to import UnknownOutput
from fanfold_steps.records.pairs import Check, WrongResult, wrong_pairs
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.user_code.returned import wrong_return


def skipping(
    call: Callable[[Any], Iterable[Any]], attempt: Attempt, blame: Blame, check: Check | None = None
) -> Callable[[Any], Iterable[Any]]:
    """A call that emits nothing for a bad record, and takes back what it counted; with `check` it emits pairs."""
    tally, quarantine, side_records = attempt.context.tally, attempt.quarantine, attempt.side_records
    assert quarantine

    def call_or_skip(item: Any) -> Iterable[Any]:
        tally.mark()
        if side_records:
            side_records.mark()
        try:
            emitted = _emitted(call(item), check)
        except (MemoryError, UnknownOutput, PermanentFailure, *NOT_OF_USER_CODE):
            raise
        except Exception as error:  # noqa: BLE001 — that is what it is for
            failure = blame.failure(error)
            tally.take_back()
            if side_records:
                side_records.take_back()
            cursor = attempt.cursor
            quarantine.add_record(cursor.place, cursor.record, failure, cursor.alone)
            return ()
        if side_records:
            side_records.keep()
        return emitted

    return call_or_skip


def _emitted(returned: Any, check: Check | None) -> list[Any]:
    what = "(key, value) pairs" if check else "records"
    if problem := wrong_return("the mapper", returned, what, in_tuple=True):  # our own mappers return tuples
        raise WrongResult(problem)
    records = list(map(taken, returned))
    if check and (problem := wrong_pairs(records, check)):
        raise WrongResult(problem)
    return records
