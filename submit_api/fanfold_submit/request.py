"""What a request for a job says."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Builtin(BaseModel):
    """A job that comes with Fanfold."""

    model_config = ConfigDict(extra="forbid")
    builtin: str = Field(examples=["wordcount"])


class Entry(BaseModel):
    """A `Job` in an uploaded bundle. No service imports it: the first worker does."""

    model_config = ConfigDict(extra="forbid")
    bundle: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the zip, uploaded before")
    entry: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", examples=["wordcount:job"])


class Spec(BaseModel):
    """A JobSpec written out."""

    model_config = ConfigDict(extra="forbid")
    spec: dict[str, Any] = Field(examples=[{"stages": [{"map": {"function": "m:f"}, "reduce": {"aggregate": "Sum"}}]}])


class JobRequest(BaseModel):
    """What to run, on what, and where to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "output": "files:counts/"}]
        },
    )

    name: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
    job: Builtin | Entry | Spec
    inputs: list[str] | dict[str, list[str]] = Field(
        max_length=1000, description="Places, files or folders; their order is the order of the records"
    )
    output: str | None = Field(default=None, description="A place; without one the output is kept with the job")
    params: dict[str, Any] = Field(default_factory=dict)
    partitions: int | None = Field(default=None, ge=1, le=10_000, description="Parts of the output")
    workers: int | None = Field(default=None, ge=1, le=800, description="Processes or pods for each step")
    split_size: int | None = Field(default=None, ge=1024, description="Bytes")

    def fingerprint(self) -> str:
        """Tells this request from another that comes with the same key."""
        canonical = json.dumps(self.model_dump(exclude_unset=True), sort_keys=True)
        return hashlib.sha256(f"POST /v1/jobs {canonical}".encode()).hexdigest()
