"""Which frames of a traceback are the user's."""

import re
import traceback
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType

from fanfold_steps.failure.missing_module import missing_module
from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.memory.process import memory_advice

OWN_PACKAGES = ("fanfold_steps", "fanfold_storage", "fanfold")
CALLED_BY_USERS = ("context.py", "counters.py")  # our modules that user code calls


def of_user_code(kind: str, error: BaseException, code_root: Path, position: Position | None) -> PermanentFailure:
    """A failure that names the exception, with the frames of the user's code only, and paths relative to the bundle."""
    message = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, MemoryError):
        message += f": {memory_advice()}"
    if isinstance(error, StopIteration):
        message += ": where there may be nothing more, give next() a default, as in next(values, None)"
    message += missing_file(error, code_root) or missing_module(error)
    trace = user_traceback(error, code_root)
    return PermanentFailure(kind, f"the {kind} raised {message}", trace=trace, position=position)


def as_raised(error: BaseException) -> BaseException:
    """The exception as the user's code raised it: a StopIteration that leaves a generator becomes another error,
    without its frames."""
    cause = error.__cause__
    return cause if isinstance(error, RuntimeError) and isinstance(cause, StopIteration) else error


def missing_file(error: BaseException, code_root: Path) -> str:
    """A hint for code that looks for a file beside itself, where only the bundle's files are; '' for other errors."""
    if code_root == Path() or not isinstance(error, FileNotFoundError):
        return ""
    inside = re.search(re.escape(f"{code_root}/") + r"([^'\"\n]+)", f"{error.filename or error}")
    name = inside[1] if inside else error.filename
    if not isinstance(name, str | Path) or Path(name).is_absolute() or not Path(name).suffix:
        return ""
    mend = f"add --include {name} to the command, or name it in Job(files={{{Path(name).stem!r}: {str(name)!r}}})"
    if not inside:
        mend += f", and read Path(__file__).with_name({Path(name).name!r})"
    return f" (workers have only the files that travel with the code: {mend})"


def user_traceback(error: BaseException, code_root: Path) -> str:
    """The traceback without Fanfold's own frames, as Python prints it."""
    lines = _user_frames(traceback.extract_tb(error.__traceback__), code_root)
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()


def message_with_line(error: BaseException, code_root: Path) -> str:
    """An exception's message, between the place in the user's code where it was raised and the line there."""
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
    """Whether an exception was raised in code that Fanfold called, not in Fanfold's handling of what that returned.

    What `ctx` raises counts as raised by its caller.
    """
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
    files = [file for file in files if not (is_own(file) and Path(file).name in CALLED_BY_USERS)]
    return bool(files) and not is_own(files[-1])


@cache
def is_own(filename: str) -> bool:
    """Whether a file is Fanfold's."""
    return not _own_folders().isdisjoint(map(str, Path(filename).parents))


@cache
def _own_folders() -> set[str]:
    """The folders of our packages, found without importing them. A user's folder may have the same name as one."""
    specs = map(find_spec, OWN_PACKAGES)
    return {str(Path(spec.origin).parent) for spec in specs if spec and spec.origin}
