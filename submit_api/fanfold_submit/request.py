"""What a request for a job says."""

import hashlib
import json
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fanfold_steps.spec import NAME, Inputs, urls_of

LONGEST_NAME = 200
MOST_INPUTS = 1000


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


def checked_name(name: str) -> str:
    """The name of a job unchanged if it can be printed, and shown by Argo as it is. Raises ValueError."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"a job's name has 1 to {LONGEST_NAME} characters, not {len(name)}")
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in name):
        raise ValueError(f"a job's name holds no control characters or line ends: {name!a}")
    if "{{" in name:
        raise ValueError("a job's name holds no '{{', which Argo would put values in for: leave it out")
    return name


def checked_inputs(inputs: Inputs) -> Inputs:
    """Inputs unchanged if they aren't too many. Raises ValueError."""
    if (many := len(urls_of(inputs))) > MOST_INPUTS:
        raise ValueError(f"a job has at most {MOST_INPUTS} places as input, not {many}: name folders, or patterns")
    return inputs


class JobRequest(BaseModel):
    """What to run, on what, and where to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "output": "files:counts/"}]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(checked_name)] | None = Field(
        default=None, description="For people; without control characters and without `{{`"
    )
    job: Builtin | Entry | Spec
    inputs: Annotated[
        list[str] | dict[Annotated[str, Field(pattern=f"^{NAME}$")], list[str]], AfterValidator(checked_inputs)
    ] = Field(
        max_length=MOST_INPUTS,
        description="Places: files, folders or patterns; their order is the order of the records. By name where the "
        "job names its inputs",
        examples=[["files:texts/", "files:logs/*.gz"], {"users": ["files:users.csv"], "orders": ["files:orders/"]}],
    )
    output: str | None = Field(default=None, description="A place; without one the output is kept with the job")
    params: dict[str, Any] = Field(
        default_factory=dict, description="The job's parameters. A job of one's own looks at them when it starts"
    )
    partitions: int | None = Field(default=None, ge=1, le=10_000, description="Parts of the output")
    workers: int | None = Field(default=None, ge=1, le=800, description="Processes or pods for each step")
    split_size: int | None = Field(default=None, ge=1024, description="Bytes")

    @model_validator(mode="before")
    @classmethod
    def refuse_surrogates(cls, body: Any) -> Any:
        """JSON can escape half a character, which no answer, key or record can hold: once for all texts there are."""
        left = [body]
        while left:
            found = left.pop()
            if isinstance(found, dict):
                left += [*found, *found.values()]
            elif isinstance(found, list):
                left += found
            elif isinstance(found, str) and not found.isascii():
                _refuse_surrogate(found)
        return body

    def fingerprint(self) -> str:
        """Tells this request from another that comes with the same key; writing a default out makes no other."""
        canonical = json.dumps(self.model_dump(exclude_defaults=True), sort_keys=True)
        return hashlib.sha256(f"POST /v1/jobs {canonical}".encode()).hexdigest()


def _refuse_surrogate(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        words = "a text holds {half}, half a character (a lone surrogate): send whole characters"
        raise PydanticCustomError("surrogate", words, {"half": ascii(text[error.start])[1:-1]}) from None
