"""How a job's functions are called: with `ctx` if they name it, with hooks if they are objects.

Both are found out once, when the function is loaded; the loops over records are given something to call and no more.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from fanfold_steps.context import Context
from fanfold_steps.failure import NOT_OF_USER_CODE, PermanentFailure, of_user_code, raised_in_user_code, shown
from fanfold_steps.returned import wrong_return

_FORMS = {
    (1,): "one argument, the frame",
    (2,): "two arguments, the key and its values",
    (1, 2): "one argument, the record, or two, its key and the record",
}
_PARTITIONER = "two arguments, the key and the number of partitions"


class Part:
    """A mapper, combiner or reducer as the code has it: a function, an object to copy, or a class to make one of."""

    def __init__(self, found: Any, kind: str, root: Path) -> None:
        self._found = found
        self._kind = kind
        self._root = root
        self._is_class = makes_callables(found)
        self._is_object = is_object(found)
        self._takes_context = takes_context(found)
        called = type(found).__call__ if self._is_object else found.__call__ if self._is_class else found
        self.generates = inspect.isgeneratorfunction(called)
        """Whether it gives what it gives by `yield`."""

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many positional arguments."""
        return takes(self._found, count)

    def begin(self, context: Context) -> "Running":
        """The part for one attempt: a fresh copy of an object, its `start` called.

        Raises:
            PermanentFailure: it can't be copied, or its `start` raised.
        """
        called = self._fresh()
        hooked = self._is_class or self._is_object
        start, finish = (getattr(called, hook, None) if hooked else None for hook in ("start", "finish"))
        if start:
            list(self._guarded("start", lambda: start(context) and None))
        call = _with_context(called, context) if self._takes_context else called
        return Running(call, lambda: self._guarded("finish", finish) if finish else iter(()))

    def _fresh(self) -> Callable[..., Any]:
        try:
            made = self._found() if self._is_class else copy.deepcopy(self._found) if self._is_object else self._found
        except Exception as error:
            way = "made: its class takes no arguments" if self._is_class else "copied"
            mend = "open what can't be copied in its `start(ctx)`" if self._is_object else "give an object instead"
            message = f"the {self._kind} {shown(self._found)} can't be {way}, as each attempt needs: {error}; {mend}"
            raise PermanentFailure(self._kind, message) from error
        called: Callable[..., Any] = made
        return called

    def _guarded(self, hook: str, call: Callable[..., Any]) -> Iterator[Any]:
        """What a hook gives; what it raises is its failure."""
        try:
            if (given := call()) is None:
                return
            if problem := wrong_return(f"the {self._kind}'s {hook}", given, in_tuple=self._kind == "mapper"):
                raise PermanentFailure(self._kind, problem)
            yield from given
        except (PermanentFailure, *NOT_OF_USER_CODE):
            raise
        except BaseException as error:
            what = f"{self._kind}'s {hook}"
            if not raised_in_user_code(error.__traceback__):
                raise PermanentFailure(self._kind, f"the {what}: {type(error).__name__}: {error}") from error
            failure = of_user_code(what, error, self._root, None)
            failure.kind = self._kind
            raise failure from error


class Running:
    """A part at work in one attempt: what to call, and what its `finish` gives in the end."""

    def __init__(self, call: Callable[..., Any], finish: Callable[[], Iterable[Any]]) -> None:
        self.call = call
        self.finish = finish


def takes_context(function: Any) -> bool:
    """Whether a function names a parameter `ctx`."""
    try:
        parameter = _signature(function).parameters.get("ctx")
    except ValueError:
        return False
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def is_object(found: object) -> bool:
    """Whether what is called is an object of a class of its own, which may have hooks and keep a state."""
    return any(inspect.isfunction(vars(kind).get("__call__")) for kind in type(found).__mro__)


def makes_callables(found: object) -> bool:
    """Whether it is a class whose objects can be called."""
    return isinstance(found, type) and any("__call__" in vars(base) for base in found.__mro__)


def check_parameters(function: Callable[..., Any], what: str, *counts: int) -> None:
    """Raise PermanentFailure unless it can be called with one of these counts of positional arguments, and `ctx`."""
    if not any(takes(function, count) for count in counts):
        form = _PARTITIONER if "partitioner" in what.split() else _FORMS[counts]
        shape = f"{what} must take {form}, but is {what.split()[-1]}{_signature(function)}"
        raise PermanentFailure("code", f"{shape}; beside that it may name `ctx`")


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether it can be called with so many positional arguments, and `ctx` if it names it."""
    try:
        _signature(function).bind(*[None] * count, **({"ctx": None} if takes_context(function) else {}))
    except TypeError:
        return False
    except ValueError:
        return True  # some builtins tell no signature; calling them will
    return True


def _signature(function: Any) -> inspect.Signature:
    """How it is called; a class whose objects are to be called, as they are. Raises ValueError."""
    if not makes_callables(function):
        return inspect.signature(function)
    signature = inspect.signature(function.__call__)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _with_context(function: Callable[..., Any], ctx: Context) -> Callable[..., Any]:
    parameters = [p for name, p in _signature(function).parameters.items() if name != "ctx"]
    if len(parameters) == 1:  # spelled out: `*arguments` would cost every record
        return lambda record: function(record, ctx=ctx)
    return lambda *arguments: function(*arguments, ctx=ctx)
