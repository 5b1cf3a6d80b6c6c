"""Whose failure it is when something is raised while the user's code runs."""

from pathlib import Path
from types import TracebackType

from fanfold_steps.failure.permanent import NOT_OF_USER_CODE, PermanentFailure
from fanfold_steps.failure.user_frames import as_raised, of_user_code, raised_in_user_code
from fanfold_steps.failure.wording import shown
from fanfold_steps.memory.process import memory_advice


class Blame:
    """A context in which a part of the user's code runs: an exception that it raises becomes its permanent failure.

    That includes `sys.exit()`. What the user's code isn't to blame for passes through: the store is unavailable, or the
    task starts over. The context may be entered any number of times. `kind` says whose failure it is (`mapper`,
    `reducer`, …); `what` says which part of it, if that is more specific (`mapper's finish`).
    """

    def __init__(self, kind: str, code_root: Path, what: str = "") -> None:
        self.kind = kind
        self.code_root = code_root
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, (PermanentFailure, *NOT_OF_USER_CODE)):
            raise self.failure(error) from error

    def failure(self, error: BaseException) -> PermanentFailure:
        """The failure for an exception, with the user's own traceback if it was raised in the user's code."""
        error = as_raised(error)
        if raised_in_user_code(error.__traceback__):
            failure = of_user_code(self._what or self.kind, error, self.code_root, None)
            failure.kind = self.kind
            return failure
        where = f"the {self._what}: " if self._what else ""
        words = memory_advice() if isinstance(error, MemoryError) else error
        return PermanentFailure(self.kind, f"{where}{type(error).__name__}: {words}")


class KeyBlame(Blame):
    """A `Blame` for code that is called once per key: the message names `key`, which the caller sets."""

    key: object = None

    def failure(self, error: BaseException) -> PermanentFailure:
        """The failure for an exception, with the key at which it was raised."""
        failure = super().failure(error)
        failure.message += of_key(self.key)
        return failure


def of_key(key: object) -> str:
    """The key, as the end of a message."""
    return f" (for the key {shown(key)})"
