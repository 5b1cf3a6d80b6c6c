"""What a class of ours isn't made with: told with what there is, and with what was probably meant."""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


def told(**elsewhere: str) -> Callable[[type[T]], type[T]]:
    """A class that says what is wrong with its arguments; `elsewhere` says where some belong that it doesn't have."""

    def decorated(kind: type[T]) -> type[T]:
        plain: Any = kind
        init = plain.__init__
        signature = inspect.signature(init)
        known = [*signature.parameters][1:]
        shown = known[:-1] if is_dataclass(kind) else known  # the last is JSON's word for what it is

        @wraps(init)
        def checked(self: Any, *given: Any, **named: Any) -> None:
            for name in named:
                if name not in known:
                    raise TypeError(_unknown(kind.__name__, name, shown, elsewhere))
            try:
                signature.bind(self, *given, **named)
            except TypeError as error:
                mend = "; write each with its name" if "positional" in str(error) else ""
                raise TypeError(f"{kind.__name__}(…): {error}{mend}. {_those(shown)}") from error
            init(self, *given, **named)

        plain.__init__ = checked
        return kind

    return decorated


def _unknown(kind: str, name: str, known: list[str], elsewhere: dict[str, str]) -> str:
    from difflib import get_close_matches  # only when something is wrong

    meant = get_close_matches(name, known, 1)
    hint = elsewhere.get(name) or (f"did you mean `{meant[0]}`?" if meant else "leave it out.")
    return f"{kind}(…) has no argument `{name}`: {hint} {_those(known)}"


def _those(known: list[str]) -> str:
    return f"There are {', '.join(known)}" if len(known) > 1 else f"There is {known[0]}" if known else "There are none"
