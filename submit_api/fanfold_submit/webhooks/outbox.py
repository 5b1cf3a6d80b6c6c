"""Messages that wait to be sent, as records that are written with what they tell.

submit/messages/ID    the message, how often it was sent, and when that is due again

So a message is there if and only if what it tells has happened, and it stays until it was taken or given up.
"""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from fanfold_storage.records import Write

MESSAGES = "submit/messages/"
LARGEST = 16 << 10  # bytes of a body


class Message(BaseModel):
    """A message to a URL. Its id is the same for every attempt, so that whoever gets it twice can tell."""

    model_config = ConfigDict(frozen=True)

    id: str
    url: str
    owner_id: str
    body: str
    created: float
    job: str | None = None  # whose record says what became of it
    attempts: int = 0
    due: float = 0.0

    @property
    def key(self) -> str:
        """The key of its record."""
        return MESSAGES + self.id

    def write(self) -> Write:
        """What a transaction needs to store it."""
        return Write(self.key, self.model_dump(mode="json"))


def body_of(kind: str, timestamp: str, data: dict[str, Any]) -> str:
    """A body in the form of Standard Webhooks, in which a long text ends early.

    >>> body_of("job.failed", "2026-11-24T07:15:00Z", {"id": "7f"})
    '{"type": "job.failed", "timestamp": "2026-11-24T07:15:00Z", "data": {"id": "7f"}}'
    """
    body = json.dumps({"type": kind, "timestamp": timestamp, "data": data})
    if len(body) <= LARGEST:
        return body
    short = {name: value[:500] if isinstance(value, str) else value for name, value in data.items()}
    short = {name: value for name, value in short.items() if len(json.dumps(value)) <= 2000}
    return json.dumps({"type": kind, "timestamp": timestamp, "data": short})
