"""What is asked for when a job is submitted: a value that whoever admits jobs can build."""

import hashlib
import json
import unicodedata
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)
from pydantic_core import PydanticCustomError

from fanfold_steps.job.resources import Resources
from fanfold_steps.job.spec import NAME, Inputs, JobSpec, urls_of
from fanfold_submit.queueing.entries import HIGHEST, LOWEST
from fanfold_web.tokens.authorization import NAME_PATTERN

LONGEST_NAME = 200
MOST_INPUTS = 1000
# Embeddings, overrides and isolates (UAX 9): a list would show what follows such a mark turned round.
_DIRECTING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


class Builtin(BaseModel):
    """A job that comes with Fanfold."""

    model_config = ConfigDict(extra="forbid")
    builtin: str = Field(examples=["wordcount"])


class Entry(BaseModel):
    """A `Job` in an uploaded bundle. No service imports it; the first worker does."""

    model_config = ConfigDict(extra="forbid")
    bundle: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the zip, uploaded before")
    entry: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", examples=["wordcount:job"])


def _unchanged(spec: Any) -> Any:
    """What `job_spec` checks, in words of its own."""
    return spec


class Spec(BaseModel):
    """A JobSpec written out."""

    model_config = ConfigDict(extra="forbid")
    spec: Annotated[dict[str, Any], BeforeValidator(_unchanged, json_schema_input_type=JobSpec)] = Field(
        examples=[{"stages": [{"map": {"function": "m:f"}, "reduce": {"aggregate": "Sum"}}]}]
    )


def checked_name(name: str) -> str:
    """The name unchanged, if it can be printed and Argo shows it as it is. Raises ValueError."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"a job's name has 1 to {LONGEST_NAME} characters, not {len(name)}")
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in name):
        raise ValueError(f"a job's name must not contain control characters or line breaks: {name!a}")
    if any(unicodedata.bidirectional(character) in _DIRECTING for character in name):
        raise ValueError(f"a job's name must not contain marks that change the direction of text: {name!a}")
    if "{{" in name:
        raise ValueError("a job's name must not contain '{{', which Argo would take for a template: leave it out")
    return name


def checked_inputs(inputs: Inputs) -> Inputs:
    """The inputs unchanged, if there are not too many. Raises ValueError."""
    if (many := len(urls_of(inputs))) > MOST_INPUTS:
        raise ValueError(f"a job has at most {MOST_INPUTS} places as input, not {many}: name folders, or patterns")
    return inputs


class JobRequest(BaseModel):
    """What to run, on which inputs, and where to write."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "output": "files:counts/"}]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(checked_name)] | None = Field(
        default=None, description="For people; without control characters, marks of direction, and `{{`"
    )
    job: Builtin | Entry | Spec
    inputs: Annotated[
        list[str] | dict[Annotated[str, Field(pattern=f"^{NAME}$")], list[str]], AfterValidator(checked_inputs)
    ] = Field(
        max_length=MOST_INPUTS,
        description="Places: files, folders or patterns, in the order in which records are read; by name if the job "
        "names its inputs",
        examples=[["files:texts/", "files:logs/*.gz"], {"users": ["files:users.csv"], "orders": ["files:orders/"]}],
    )
    output: str | None = Field(default=None, description="A place; without one, the output is kept with the job")
    params: dict[str, Any] = Field(
        default_factory=dict, description="The job's parameters. Those of a job in a bundle are checked when it starts"
    )
    partitions: StrictInt | None = Field(default=None, ge=1, le=10_000, description="Parts of the output")
    workers: StrictInt | None = Field(default=None, ge=1, le=800, description="Processes or pods for each step")
    split_size: StrictInt | None = Field(default=None, ge=1024, description="Bytes")
    memory: StrictInt | None = Field(default=None, ge=1, description="Bytes, for all workers together")
    overwrite: StrictBool = Field(
        default=False, description="Whether to replace an output that a job wrote, once the new one is complete"
    )
    resources: Annotated[dict[str, Any], BeforeValidator(_unchanged, json_schema_input_type=Resources)] | None = Field(
        default=None, description="What each worker gets; instead of what the job says", examples=[{"memory": "4Gi"}]
    )
    notify: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="A URL that is notified when the job has ended, if the operator allows it",
    )
    image: str | None = Field(default=None, description="The image of pods, if the operator allows it")
    team: str | None = Field(
        default=None,
        pattern=f"^{NAME_PATTERN}$",
        max_length=63,
        description="A group of the caller's, whose members also see the job, and whose files it reads and writes",
        examples=["analysts"],
    )
    priority: StrictInt = Field(
        default=0, ge=LOWEST, le=HIGHEST, description="Among its owner's jobs that wait; for administrators"
    )

    @model_validator(mode="before")
    @classmethod
    def refuse_surrogates(cls, body: Any) -> Any:
        """JSON can escape half a character, which no response, key or record can hold. Check all strings once, here."""
        _refuse_many(body)
        remaining = [body]
        while remaining:
            value = remaining.pop()
            if isinstance(value, dict):
                remaining += [*value, *value.values()]
            elif isinstance(value, list):
                remaining += value
            elif isinstance(value, str) and not value.isascii():
                _refuse_surrogate(value)
        return body

    def fingerprint(self) -> str:
        """Distinguishes requests that come with the same key. Spelling out a default does not change it."""
        canonical = json.dumps(self.model_dump(exclude_defaults=True), sort_keys=True)
        return hashlib.sha256(f"POST /v1/jobs {canonical}".encode()).hexdigest()


def _refuse_many(body: Any) -> None:
    """One error instead of one for each of a million fields or inputs."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    lists = list(inputs.values()) if isinstance(inputs, dict) else [inputs]
    sizes = [len(found) for found in (body, inputs, *lists) if isinstance(found, dict | list)]
    if any(size > MOST_INPUTS for size in sizes):
        words = "a job has at most {most} fields, and as many inputs, not {many}"
        raise PydanticCustomError("too_many", words, {"most": MOST_INPUTS, "many": max(sizes)})


def _refuse_surrogate(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        words = "a string holds {half}, half a character (a lone surrogate): send whole characters"
        raise PydanticCustomError("surrogate", words, {"half": ascii(text[error.start])[1:-1]}) from None
