"""Errors for wrong arguments of our own classes: they list the valid ones, and name what was probably meant."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, Literal, TypeVar, get_args, get_origin

T = TypeVar("T")


def explain_arguments(**elsewhere: str) -> Callable[[type[T]], type[T]]:
    """A class decorator: `__init__` explains wrong arguments. `elsewhere` says where certain unknown ones belong."""

    def decorated(kind: type[T]) -> type[T]:
        plain: Any = kind
        init = plain.__init__
        signature = inspect.signature(init)
        known = [*signature.parameters][1:]
        tags = {field.name for field in fields(kind) if _is_tag(field.type)} if is_dataclass(kind) else set()
        shown = [name for name in known if name not in tags]

        @wraps(init)
        def checked(self: Any, *positional: Any, **named: Any) -> None:
            for name in named:
                if name not in known:
                    raise TypeError(_unknown(kind.__name__, name, shown, elsewhere))
            try:
                signature.bind(self, *positional, **named)
            except TypeError as error:
                mend = "; pass each by name" if "positional" in str(error) else ""
                raise TypeError(f"{kind.__name__}(…): {error}{mend}. {_those(shown)}") from error
            init(self, *positional, **named)

        plain.__init__ = checked
        return kind

    return decorated


def _is_tag(type: object) -> bool:
    """Whether a field has only one possible value: in JSON it says which class an object is of; nobody writes it."""
    return get_origin(type) is Literal and len(get_args(type)) == 1


def _unknown(kind: str, name: str, known: list[str], elsewhere: dict[str, str]) -> str:
    from difflib import get_close_matches  # only when something is wrong

    meant = get_close_matches(name, known, 1)
    hint = elsewhere.get(name) or (f"did you mean `{meant[0]}`?" if meant else "leave it out.")
    return f"{kind}(…) has no argument `{name}`: {hint} {_those(known)}"


def _those(known: list[str]) -> str:
    return f"There are {', '.join(known)}" if len(known) > 1 else f"There is {known[0]}" if known else "There are none"
