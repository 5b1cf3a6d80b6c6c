"""Why a job can't succeed, in a form that reaches the user: the step, the record, their own traceback."""

import traceback
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from fanfold_steps.limits import memory_told
from fanfold_storage.errors import StorageError

OWN_PACKAGES = ("fanfold_steps", "fanfold_storage", "fanfold")
ASKED = ("context.py", "counters.py")  # of ours, what user code calls
RECORD_PREVIEW, SHOWN = 200, 80  # characters
LONGEST_MESSAGE, LONGEST_TRACE = 2_000, 16_000  # characters: a failure is kept in records, which are small


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record is: the file's URL and the byte offset in it, or for a record of an earlier stage all in words
    ("stage 0, part 3, record 17") and no offset; and the record's first characters."""

    source: str
    offset: int | None
    text: str


class NotOfUserCode(Exception):
    """What passes through the user's code, or comes while it runs, and is none of its failures."""


NOT_OF_USER_CODE = (NotOfUserCode, StorageError, GeneratorExit)


class PermanentFailure(Exception):
    """Trying again would end the same way: the job fails. `kind` says whose part it was (`mapper`, `reducer`, …)."""

    def __init__(self, kind: str, message: str, *, trace: str = "", position: Position | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = shortened(message, LONGEST_MESSAGE)
        self.trace = shortened(trace, LONGEST_TRACE)
        self.position = position

    def to_json(self) -> dict[str, Any]:
        """What `failed.json` holds beside the task."""
        position = asdict(self.position) if self.position else None
        return {"kind": self.kind, "message": self.message, "traceback": self.trace, "record": position}


def of_user_code(kind: str, error: BaseException, code_root: Path, position: Position | None) -> PermanentFailure:
    """A failure that names the exception, with the frames of the user's code alone, paths relative to the bundle."""
    message = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, MemoryError):
        message += f": {memory_told()}"
    trace = user_traceback(error, code_root)
    return PermanentFailure(kind, f"the {kind} raised {message}", trace=trace, position=position)


def user_traceback(error: BaseException, code_root: Path) -> str:
    """The traceback without Fanfold's own frames, as Python prints it."""
    lines = _user_frames(traceback.extract_tb(error.__traceback__), code_root)
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()


def told_at(error: BaseException, code_root: Path) -> str:
    """An exception's words after the place in the user's code that it came from, and before that line."""
    frames = [frame for frame in _kept(traceback.extract_tb(error.__traceback__), code_root) if frame.line]
    return f"{frames[-1].filename}, line {frames[-1].lineno}: {error}\n    {frames[-1].line}" if frames else str(error)


def user_stack(frame: FrameType | None, code_root: Path) -> str:
    """Where a thread is in the user's code, as Python prints it."""
    stack = traceback.extract_stack(frame) if frame else traceback.StackSummary()
    return "".join(_user_frames(stack, code_root)).rstrip()


def _kept(stack: traceback.StackSummary, code_root: Path) -> list[traceback.FrameSummary]:
    """The frames of the user's code."""
    frames = [frame for frame in stack if not is_own(frame.filename) and not _is_import(frame.filename)]
    for frame in frames:
        frame.filename = frame.filename.removeprefix(f"{code_root}/")
    return frames


def _user_frames(stack: traceback.StackSummary, code_root: Path) -> list[str]:
    frames = _kept(stack, code_root)
    return ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []


def _is_import(filename: str) -> bool:
    return "importlib" in filename or filename.startswith("<frozen ")


def raised_in_user_code(trace: TracebackType | None) -> bool:
    """Whether an exception comes from below Fanfold's own frames, not from handling what user code returned.

    What `ctx` refuses is the doing of whoever called it.
    """
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
    files = [file for file in files if not _is_asked(file)]
    return bool(files) and not is_own(files[-1])


def _is_asked(filename: str) -> bool:
    return is_own(filename) and Path(filename).name in ASKED


@cache
def is_own(filename: str) -> bool:
    """Whether a file is Fanfold's."""
    return not _own_folders().isdisjoint(map(str, Path(filename).parents))


@cache
def _own_folders() -> set[str]:
    """Where our packages lie; those above this one are not loaded for it. A user's folder may be called as they are."""
    found = map(find_spec, OWN_PACKAGES)
    return {str(Path(spec.origin).parent) for spec in found if spec and spec.origin}


def shown(value: object) -> str:
    """A value for an error's text, whatever its `repr` does."""
    try:
        return shortened(repr(value), SHOWN)
    except Exception:  # noqa: BLE001 — a user's __repr__ may raise anything
        return f"<{type(value).__name__} that can't be shown>"


def preview(record: object) -> str:
    """A record's beginning, safe to print."""
    return shortened(record if isinstance(record, str) else repr(record), RECORD_PREVIEW)


def shortened(text: str, most: int) -> str:
    """A text's two ends if it is too long, without surrogates, so that it can be printed and kept anywhere."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most * 2 // 3]} […] {text[-most // 3 :]}"
