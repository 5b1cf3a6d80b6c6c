"""What a script prints when its job can't be created: the line in the script and a sentence, not Fanfold's frames."""

import os
import sys
from pathlib import Path
from types import TracebackType

from fanfold.errors import InvalidJob
from fanfold_steps.failure.missing_module import missing_module
from fanfold_steps.failure.user_frames import message_with_line, raised_in_user_code

REFUSED = 3  # the exit status if a job is refused before anything has run
_hook_before = sys.excepthook


def explain_uncaught() -> None:
    """Print uncaught refusals of jobs, stages and formats so; other exceptions are printed as usual, a missing
    module with a hint.

    With FANFOLD_DEBUG set, the traceback is printed, too.
    """
    global _hook_before
    if sys.excepthook is not _explain:
        _hook_before, sys.excepthook = sys.excepthook, _explain


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    is_refusal = isinstance(error, InvalidJob | TypeError | ValueError) and trace and not raised_in_user_code(trace)
    if not is_refusal or os.environ.get("FANFOLD_DEBUG"):
        _hook_before(kind, error, trace)
    if hint := missing_module(error):
        print(f"fanfold: a module is missing{hint}", file=sys.stderr)
    if is_refusal:
        print(f"fanfold: {message_with_line(error, Path.cwd())}", file=sys.stderr)
        sys.exit(REFUSED)
