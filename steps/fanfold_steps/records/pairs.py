"""What a mapper may emit: pairs where a reducer follows; and what to say of anything else."""

from collections.abc import Callable, Iterable
from typing import Any

from fanfold_steps.failure.wording import shown
from fanfold_steps.outputs.to import To
from fanfold_steps.sorting import keys
from fanfold_steps.user_code.returned import wrong_return

Check = Callable[[object], str | None]
"""What is wrong with a value that a mapper gave."""


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
    """What is wrong with what a mapper returned, if it isn't any number of records, or of pairs, at all.

    One pair, returned instead of yielded, would be a tuple of two things that are none.
    """
    in_tuple = pairs and (type(given) is not tuple or all(isinstance(one, To) or is_pair(one) for one in given))
    return wrong_return("the mapper", given, "(key, value) pairs" if pairs else "records", in_tuple=in_tuple)


def wrong_pairs(emitted: Iterable[Any], check: Check) -> str | None:
    """What is wrong with the first that isn't a pair of a key and a value that passes."""
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
        return f"the mapper emitted {shown(given)}, but the job has no named outputs: name it in `outputs`"
    return f"the mapper must emit (key, value) pairs, but emitted {shown(given)}"


def is_pair(item: object) -> bool:
    """Whether it is a pair, as a mapper or a combiner gives them."""
    return isinstance(item, tuple | list) and len(item) == 2
