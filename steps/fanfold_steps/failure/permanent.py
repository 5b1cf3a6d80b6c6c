"""Why a job can't succeed, in a form that reaches the user: the message, the record, the user's own traceback."""

from dataclasses import dataclass

from fanfold_steps.failure.wording import shortened
from fanfold_storage.errors import StorageError

LONGEST_MESSAGE, LONGEST_TRACE = 2_000, 16_000  # characters, because services store a failure in their records


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record is: its file's URL and the byte offset there; for a record from an earlier stage, words ("stage 0,
    part 3, record 17") and no offset. `text` holds its first characters."""

    source: str
    offset: int | None
    text: str


class NotOfUserCode(Exception):
    """An exception that is raised while the user's code runs, or passes through it, and isn't the code's failure."""


NOT_OF_USER_CODE = (NotOfUserCode, StorageError, GeneratorExit)


class PermanentFailure(Exception):
    """The job fails, because trying again would end in the same way. `kind` says whose failure it is (`mapper`, …)."""

    def __init__(self, kind: str, message: str, *, trace: str = "", position: Position | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = shortened(message, LONGEST_MESSAGE)
        self.trace = shortened(trace, LONGEST_TRACE)
        self.position = position
