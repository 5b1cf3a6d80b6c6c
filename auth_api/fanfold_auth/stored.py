"""Records as frozen dataclasses, for replicas of this version and of the next that serve together.

A newer version may write fields that this one doesn't know. They are left out on reading, and stay when the record is
rewritten (`fanfold_auth.accounts.schema` says why).
"""

from dataclasses import fields
from typing import Any, TypeVar

from fanfold_storage.records.protocol import Value

T = TypeVar("T")


def known(kind: type[T], value: Value, **others: Any) -> T:
    """The dataclass that a value holds, with `others` for what is stored elsewhere. JSON's arrays become tuples."""
    names = _names(kind)
    found = {
        name: tuple(content) if isinstance(content, list) else content
        for name, content in value.items()
        if name in names
    }
    return kind(**{**found, **others})


def kept(kind: type[Any], before: Value, after: Value) -> Value:
    """What to write in the place of `before`: `after`, and whatever `kind` doesn't know.

    >>> from fanfold_auth.openid.devices import Device
    >>> kept(Device, {"hash": "x", "state": "pending", "invented later": 1}, {"hash": "x"})
    {'invented later': 1, 'hash': 'x'}
    """
    names = _names(kind)
    return {name: content for name, content in before.items() if name not in names} | after


def _names(kind: type[Any]) -> set[str]:
    return {field.name for field in fields(kind)}
