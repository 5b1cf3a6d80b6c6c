"""Describe what is wrong with a spec.

A part may be of several kinds, and pydantic reports its errors as each of them; here the kind that was meant is found.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

_KINDS = {
    "Function": ("function", "{'function': 'module:name'}"),
    "Program": ("program", "{'program': 'command line'}"),
    "BatchFunction": ("batch", "{'batch': 'module:name'}"),
    "Aggregate": ("aggregate", "{'aggregate': 'Sum'}"),
}
"""For each kind of part: the field that identifies it, and how it is written."""
_COLLECTIONS = ("list[Aggregate]", "dict[str,Aggregate]")


def describe_errors(errors: Iterable[Any]) -> str:
    """A validation's errors, each with the path of its field.

    >>> describe_errors([{"loc": ("stages", 0, "map"), "type": "missing", "msg": "Field required"}])
    'stages.0.map: Field required'
    """
    return "; ".join(f"{'.'.join(map(str, place))}: {text}" for place, text in _problems(errors))


def _problems(errors: Iterable[Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    for place, same_place in groupby(errors, key=lambda error: _place(error["loc"])):
        group = list(same_place)
        if len(group[0]["loc"]) == len(place):
            yield from ((place, error["msg"]) for error in group)
            continue
        at = len(place)
        kinds = {kind: list(of_kind) for kind, of_kind in groupby(group, key=lambda error: error["loc"][at])}
        meant = [kind for kind, problems in kinds.items() if _is_meant(kind, problems, at)]
        meant = [kind for kind in meant if kind in _KINDS] or meant  # {'aggregate': …} rather than columns by name
        if len(meant) != 1:
            forms = [_KINDS[kind][1] for kind in kinds if kind in _KINDS]
            yield place, f"write {' or '.join(forms)}"
            continue
        yield from ((place + error["loc"][at + 1 :], error["msg"]) for error in kinds[meant[0]])


def _place(loc: tuple[Any, ...]) -> tuple[Any, ...]:
    """The part of an error's location that is a path in the spec; the rest names a kind that the part may be."""
    at = next((at for at, part in enumerate(loc) if part in _KINDS or part in _COLLECTIONS), len(loc))
    return loc[:at]


def _is_meant(kind: str, problems: list[Any], at: int) -> bool:
    """Whether a part was meant to be of a kind: it has the field that identifies it, or the right shape."""
    field = _KINDS.get(kind, ("", ""))[0]
    return all(len(error["loc"]) > at + 1 for error in problems) and not any(
        error["type"] == "missing" and error["loc"][at + 1 :] == (field,) for error in problems
    )
