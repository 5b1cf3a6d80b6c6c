"""Why a job ended without a result, as the problem that is stored with it.

A failed job's tree holds `failed.json`. Users' code can write to the tree, so nothing in that file is trusted.
"""

import re
from collections.abc import Callable
from typing import Any

from fanfold_steps.failure.permanent import LONGEST_MESSAGE, LONGEST_TRACE
from fanfold_steps.failure.wording import RECORD_PREVIEW, shortened
from fanfold_steps.tree.failed import Failure
from fanfold_web.http.problem_types import ProblemType

# A job's own error is not a response, so it is stored without a status.
JOB_FAILED = ProblemType(422, "job-failed", "The job failed")
JOB_REFUSED = ProblemType(422, "job-refused", "The job can't run as requested")
NAME_TAKEN = ProblemType(409, "name-taken", "The name is taken")
WORKERS_LOST = ProblemType(500, "workers-lost", "The workers were lost")

_LONGEST_SOURCE = 2_000  # characters
_LARGEST_NUMBER = 1 << 63
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Redact = Callable[[str], str]
"""Replaces where the store is by the names that the job's owner uses."""


def printable(text: str, most: int = LONGEST_MESSAGE) -> str:
    """A text that can be stored and printed: of bounded length, no surrogates, control characters escaped."""
    return shortened(_CONTROLS.sub(lambda control: f"\\x{ord(control[0]):02x}", text), most)


def message_of(failure: Failure, redact: Redact) -> str:
    """What happened, in one sentence."""
    return printable(redact(failure.message))


def members_of(failure: Failure, redact: Redact) -> dict[str, Any]:
    """The task and record at which it happened, the user's own traceback and the log, as far as they are known."""
    task, record = failure.task, failure.record
    members: dict[str, Any] = {
        "traceback": printable(redact(failure.traceback), LONGEST_TRACE),
        "log": printable(redact(failure.log), LONGEST_TRACE),
    }
    if task:
        step = printable(redact(task.step), RECORD_PREVIEW)
        members["task"] = {"stage": _number(task.stage), "step": step, "index": _number(task.index)}
    if record:
        members["record"] = {
            "source": printable(redact(record.source), _LONGEST_SOURCE),
            "offset": None if record.offset is None else _number(record.offset),
            "text": printable(record.text),
        }
    return {name: value for name, value in members.items() if value}


def _number(value: int) -> int:
    return value if abs(value) < _LARGEST_NUMBER else 0
