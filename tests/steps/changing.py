"""User code that yields one object again and again, and changes it in between.

A line is a list of changes as JSON; each is made to an object that is emptied for each line, and yielded after it.
"""

import json
from typing import Any

from fanfold import To


class Thing:
    """An object that isn't of a built-in type."""

    def __init__(self):
        self.held = []


def changed(line):
    """The same objects after each change of a line; what they show then is told by `shown`."""
    list_: list[Any] = []
    dict_: dict[Any, Any] = {}
    set_: set[Any] = set()
    bytes_, thing = bytearray(), Thing()
    outer = ("outer", [dict_], {"list": list_})
    for kind, number in json.loads(line):
        if kind == "list":
            list_.append(number)
        elif kind == "dict":
            dict_[str(number)] = [number]
        elif kind == "inner":
            for inner in dict_.values():
                inner.append(number)
        elif kind == "set":
            set_ ^= {number}
        elif kind == "bytes":
            bytes_.append(number)
        elif kind == "object":
            thing.held.append(number)
        else:
            list_.clear()
        yield from (list_, dict_, set_, bytes_, thing, outer)


def shown(value):
    """A value as text."""
    return repr(vars(value) if isinstance(value, Thing) else sorted(value) if isinstance(value, set) else value)


def pairs(line):
    for value in changed(line):
        yield "all", value


def pairs_of_any_key(line):
    for number, value in enumerate(changed(line)):
        yield number % 2, value


class AtTheEnd:
    def start(self, ctx):
        self.lines = []

    def __call__(self, line):
        self.lines.append(line)
        return []

    def finish(self):
        for line in self.lines:
            yield from pairs(line)


def records(line):
    for value in changed(line):
        yield [value] if isinstance(value, (list, dict, tuple)) else shown(value)


def named(line):
    for value in changed(line):
        yield To("seen", value if isinstance(value, (list, dict, tuple)) else shown(value))


def show_all(key, values):
    for value in values:
        yield shown(value)


def show_by_key(key, values):
    for value in values:
        yield f"{key} {shown(value)}"


def combined(key, values):
    """The number of values so far, in one list that is filled on and on."""
    counts = []
    for number, _ in enumerate(values):
        counts.append(number)
        yield key, counts


def reduced(key, values):
    record: dict[str, Any] = {}
    for value in values:
        record[str(len(record))] = shown(value)
        yield record


def passed_on(record):
    yield record
