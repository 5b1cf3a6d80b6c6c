"""How a job's functions are called: with `ctx` if they have that parameter, with hooks if they are objects.

This is determined once, when the function is loaded; the loops over records just get something to call.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from fanfold_steps.failure.blame import Blame
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.tree.counters import NONE_COMBINED, NONE_REDUCED, NONE_RETURNED
from fanfold_steps.user_code.context import Context
from fanfold_steps.user_code.returned import wrong_return

_FORMS = {
    (1,): "one argument, the frame",
    (2,): "two arguments, the key and its values",
    (1, 2): "one argument, the record, or two, its key and the record",
}
_NONE_COUNTERS = {"mapper": NONE_RETURNED, "combiner": NONE_COMBINED, "reducer": NONE_REDUCED}
"""Who may return None, and where it is counted. A partitioner may not."""
_PARTITIONER = "two arguments, the key and the number of partitions"


class UserFunction:
    """A mapper, combiner, reducer or partitioner from the user's code: a function, an object that each attempt copies,
    or a class of which each attempt creates an instance."""

    def __init__(self, original: Any, kind: str, root: Path) -> None:
        self._original = original
        self._kind = kind
        self._root = root
        self._is_class = makes_callables(original)
        self._is_object = is_object(original)
        is_method = inspect.ismethod(original) and not isinstance(original.__self__, type)
        self._is_copied = self._is_object or is_method
        self._takes_context = takes_context(original)
        called = type(original).__call__ if self._is_object else original.__call__ if self._is_class else original
        self.generates = inspect.isgeneratorfunction(called)
        """Whether it yields rather than returns."""

    def takes(self, count: int) -> bool:
        """Whether it can be called with `count` positional arguments."""
        return takes(self._original, count)

    def begin(self, context: Context) -> "BegunFunction":
        """The function for one attempt: a fresh copy if it is an object, with its `start` called.

        Raises:
            PermanentFailure: it can't be copied, or its `start` raised.
        """
        called = self._fresh()
        hooked = self._is_class or self._is_object
        start, finish = (getattr(called, hook, None) if hooked else None for hook in ("start", "finish"))
        if start:
            list(self._guarded("start", lambda: start(context) and None))
        call = _with_context(called, context) if self._takes_context else called
        if self.generates or self._kind not in _NONE_COUNTERS:
            return BegunFunction(call, lambda: self._guarded("finish", finish) if finish else iter(()))
        some = _SomeRecords(call, context, _NONE_COUNTERS[self._kind])

        def count_and_finish() -> Iterator[Any]:
            some.count()
            return self._guarded("finish", finish) if finish else iter(())

        return BegunFunction(some.of_one if self._kind == "mapper" and self.takes(1) else some.of_two, count_and_finish)

    def _fresh(self) -> Callable[..., Any]:
        original = self._original
        fresh: Callable[..., Any]
        try:
            fresh = original() if self._is_class else copy.deepcopy(original) if self._is_copied else original
        except Exception as error:
            way = "created without arguments" if self._is_class else "copied"
            mend = "open what can't be copied in its `start(ctx)`" if self._is_object else "pass an object instead"
            message = f"the {self._kind} {shown(original)} can't be {way}, as each attempt needs: {error}; {mend}"
            raise PermanentFailure(self._kind, message) from error
        return fresh

    def _guarded(self, hook: str, call: Callable[..., Any]) -> Iterator[Any]:
        """What a hook emits. Raises PermanentFailure: it raised, or returned something invalid."""
        with Blame(self._kind, self._root, f"{self._kind}'s {hook}"):
            if (emitted := call()) is None:
                return
            if problem := wrong_return(f"the {self._kind}'s {hook}", emitted, in_tuple=self._kind == "mapper"):
                raise PermanentFailure(self._kind, problem)
            yield from emitted


class _SomeRecords:
    """Calls a function that returns rather than yields: None means no records, and is counted."""

    def __init__(self, call: Callable[..., Any], context: Context, counter: str) -> None:
        self._call = call
        self._context = context
        self._counter = counter
        self._nones = 0

    def of_one(self, record: Any) -> Any:
        """Call it with a record. Each number of arguments has a method, because `*arguments` would take longer."""
        if (returned := self._call(record)) is None:
            self._nones += 1
            return ()
        return returned

    def of_two(self, key: Any, record: Any) -> Any:
        """Call it with a key and a record, or a key and its values."""
        if (returned := self._call(key, record)) is None:
            self._nones += 1
            return ()
        return returned

    def count(self) -> None:
        """Count how often it returned None."""
        if self._nones:
            self._context.tally.add_own(self._counter, self._nones)


class BegunFunction:
    """A user's function in one attempt: what to call, and its `finish`."""

    def __init__(self, call: Callable[..., Any], finish: Callable[[], Iterable[Any]]) -> None:
        self.call = call
        self.finish = finish


def takes_context(function: Any) -> bool:
    """Whether a function has a parameter `ctx`."""
    try:
        parameter = _signature(function).parameters.get("ctx")
    except ValueError:
        return False
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def is_object(function: object) -> bool:
    """Whether it is an instance of a class with `__call__`, which may have hooks and a state."""
    return any(inspect.isfunction(vars(kind).get("__call__")) for kind in type(function).__mro__)


def makes_callables(function: object) -> bool:
    """Whether it is a class whose instances can be called."""
    return isinstance(function, type) and any("__call__" in vars(base) for base in function.__mro__)


def check_parameters(function: Callable[..., Any], what: str, *counts: int) -> None:
    """Raise PermanentFailure unless it can be called with one of these counts of positional arguments, and `ctx`."""
    if not any(takes(function, count) for count in counts):
        form = _PARTITIONER if "partitioner" in what.split() else _FORMS[counts]
        shape = f"{what} must take {form}, but is {what.split()[-1]}{_signature(function)}"
        raise PermanentFailure("code", f"{shape}; it may have a parameter `ctx`, too")


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether it can be called with `count` positional arguments, and `ctx` if it has that parameter."""
    try:
        _signature(function).bind(*[None] * count, **({"ctx": None} if takes_context(function) else {}))
    except TypeError:
        return False
    except ValueError:
        return True  # some builtins have no signature; calling them will show it
    return True


def _signature(function: Any) -> inspect.Signature:
    """The signature with which it, or for a class its instance, is called. Raises ValueError: it has none."""
    if not makes_callables(function):
        return inspect.signature(function)
    signature = inspect.signature(function.__call__)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _with_context(function: Callable[..., Any], ctx: Context) -> Callable[..., Any]:
    parameters = [p for name, p in _signature(function).parameters.items() if name != "ctx"]
    if len(parameters) == 1:  # not `*arguments`, which would take longer for each record
        return lambda record: function(record, ctx=ctx)
    return lambda *arguments: function(*arguments, ctx=ctx)
