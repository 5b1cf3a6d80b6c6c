"""`failed.json` as the error of a job. Code of users writes to the tree, so nothing in it is taken on trust."""

import re
from collections.abc import Callable
from typing import Any

from fanfold_steps.failure import LONGEST_MESSAGE, LONGEST_TRACE, RECORD_PREVIEW, shortened

_LONGEST_PLACE = 2_000  # characters
_LARGEST_NUMBER = 1 << 63
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Told = Callable[[str], str]
"""Puts a text in its owner's words."""


def cleaned(text: str, most: int = LONGEST_MESSAGE) -> str:
    """A text that can be kept and printed: of bounded length, without surrogates, control characters escaped."""
    return shortened(_CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text), most)


def message_of(failure: dict[str, Any], told: Told) -> str:
    """What happened, in a sentence."""
    return _text(failure.get("message"), told, LONGEST_MESSAGE) or "the job failed"


def members_of(failure: dict[str, Any], told: Told) -> dict[str, Any]:
    """At which task and record it happened, and the user's own traceback: those that are there."""
    task, record = failure.get("task"), failure.get("record")
    members: dict[str, Any] = {"traceback": _text(failure.get("traceback"), told, LONGEST_TRACE)}
    members["log"] = _text(failure.get("log"), told, LONGEST_TRACE)
    if isinstance(task, dict):
        step = _text(task.get("step"), told, RECORD_PREVIEW)
        members["task"] = {"stage": _number(task.get("stage")), "step": step, "index": _number(task.get("index"))}
    if isinstance(record, dict):
        members["record"] = {
            "source": _text(record.get("source"), told, _LONGEST_PLACE),
            "offset": None if record.get("offset") is None else _number(record["offset"]),
            "text": _text(record.get("text"), str, LONGEST_MESSAGE),
        }
    return {name: value for name, value in members.items() if value}


def _text(value: object, told: Told, most: int) -> str:
    return cleaned(told(value), most) if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and abs(value) < _LARGEST_NUMBER else 0
