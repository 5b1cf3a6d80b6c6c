"""`failed.json`: why the job can't succeed. Every worker stops when it sees it."""

from dataclasses import asdict, dataclass
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.tree.task import Task

FAILED_KEY = "failed.json"
_UNREADABLE = "the job failed, but its failed.json can't be read"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, for people."""

    message: str
    kind: str = ""
    """Whose failure it is: `mapper`, `reducer`, `input`, `storage`, …"""
    traceback: str = ""
    """The frames of the user's own code, as Python prints them; for a program, the end of its stderr."""
    record: Position | None = None
    """The record that was being mapped."""
    task: Task | None = None
    stages: int = 1
    """How many stages the job has; the number of a job's only stage isn't displayed."""
    log: str = ""
    """The last lines that the task printed."""

    @classmethod
    def of(cls, failure: PermanentFailure, task: Task | None = None, stages: int = 1, log: str = "") -> "Failure":
        """The failure for an exception."""
        return cls(failure.message, failure.kind, failure.trace, failure.position, task, stages, log)

    def to_json(self) -> dict[str, Any]:
        """The content of `failed.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> "Failure":
        """The failure in the content of `failed.json`.

        Any content is a failure, so that no job runs forever; fields of another type than expected are dropped.
        """
        content = data if isinstance(data, dict) else {}
        message = content.get("message")
        stages = content.get("stages")
        return cls(
            message=message if message and isinstance(message, str) else _UNREADABLE,
            kind=_text(content.get("kind")),
            traceback=_text(content.get("traceback")),
            record=_position(content.get("record")),
            task=_task(content.get("task")),
            stages=stages if type(stages) is int else 1,
            log=_text(content.get("log")),
        )

    def describe(self) -> str:
        """The failure for a terminal: the message, the record, the user's traceback and the task's last output."""
        task, record = self.task, self.record
        stage = f"stage {task.stage}, " if task and (task.stage or self.stages != 1) else ""
        lines = [f"{stage}{task}: {self.message}" if task else self.message]
        if record:
            byte = "" if record.offset is None else f", byte {record.offset}"
            lines.append(f"at {record.source}{byte}" + (f": {record.text}" if record.text else ""))
        if self.traceback:
            lines.append(self.traceback)
        if self.log:
            lines.append(f"The task's last output:\n{self.log}")
        return "\n".join(lines)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _position(value: object) -> Position | None:
    if not isinstance(value, dict):
        return None
    source, offset, text = value.get("source"), value.get("offset"), value.get("text")
    if not isinstance(source, str) or not isinstance(text, str):
        return None
    return Position(source, offset if type(offset) is int else None, text)


def _task(value: object) -> Task | None:
    if not isinstance(value, dict):
        return None
    stage, step, index = value.get("stage"), value.get("step"), value.get("index")
    if type(stage) is not int or not isinstance(step, str) or type(index) is not int:
        return None
    return Task(stage, step, index)
