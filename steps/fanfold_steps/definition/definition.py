"""What a Workflow that plans itself tells its workers: the definition, and the values of its parameters.

The definition is JSON in the variable FANFOLD_DEFINITION of every pod. The values are options of the command, because
Argo fills them in when the Workflow runs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import MOST_PARTITIONS, NAME, Inputs, JobSpec, spec_from_json

VARIABLE = "FANFOLD_DEFINITION"
VERSION = 1
AUTO = "auto"
"""The number of partitions that leaves it to the size of the input."""
MOST_WORKERS = 400
ParamKind = Literal["text", "optional", "json"]
"""The value of a parameter is what the text says; or the default, if the text is empty; or likewise, but JSON."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A job, but for its parameters."""

    spec: JobSpec
    bundle_url: str | None = None
    wheels_url: str | None = None
    """The folder of the wheels of its packages."""
    store: str | None = None
    """The storage in whose `jobs/ID/` the job's tree lies; None: it lies in OUTPUT/_job/."""
    owner: str = ""
    split_size: int | None = None
    """Bytes; None: by the size of the input."""
    memory: int | None = None
    """Bytes that all workers together may use."""
    in_order: bool = False
    """Whether there are pods for each step even if there is one of each."""
    params: dict[str, ParamKind] = field(default_factory=dict)
    """How the values of the job's parameters are written, by name."""

    def to_text(self) -> str:
        """The definition as JSON, in which Argo finds no variable of its own.

        >>> "{{" in Definition(JobSpec(name="{{workflow.name}}")).to_text()
        False
        """
        members = {one.name: getattr(self, one.name) for one in fields(self)}
        text = json.dumps({"version": VERSION, **members}, default=_members, separators=(",", ":"))
        return text.replace("{{", "\\u007b\\u007b")  # only strings contain that

    @classmethod
    def from_text(cls, text: str) -> "Definition":
        """The definition in a pod's environment. Raises PermanentFailure: another version of Fanfold wrote it."""
        try:
            data: dict[str, Any] = json.loads(text)
            version = data.pop("version")
            if version == VERSION:
                return cls(**{**data, "spec": spec_from_json(data["spec"])})
            why = f"its version is {version}, not {VERSION}"
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            why = repr(error)
        mend = "render the Workflow with the version of Fanfold that the pods' image has"
        raise PermanentFailure("definition", f"the pod's {VARIABLE} can't be read ({why:.200}): {mend}")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a Workflow tells its pods besides the definition: which one it is, and the values of its parameters."""

    workflow: str
    """`NAMESPACE/NAME/UID`; the uid alone would do to tell it from any other."""
    created: str
    """`{{workflow.creationTimestamp.s}}`: Unix seconds."""
    inputs: Sequence[str]
    """`PLACES`, or `NAME=PLACES` for each of a job's named inputs."""
    output: str
    partitions: str = AUTO
    workers: str = "1"
    params: Sequence[str] = ()
    """`NAME=VALUE`."""

    def job_inputs(self) -> Inputs:
        """The URLs of the inputs. Raises PermanentFailure: one is no URL."""
        named: dict[str, list[str]] = {}
        for text in self.inputs:
            match = re.match(rf"({NAME})=(?=\s*(?:s3|file):)", text)
            named[match[1] if match else ""] = places(text[match.end() :] if match else text)
        return named[""] if named.keys() == {""} else named

    def output_folder(self) -> str:
        """The URL of the output, which ends with a slash. Raises PermanentFailure."""
        return f"{_url('output', self.output.strip()).rstrip('/')}/"

    def partition_count(self) -> int | None:
        """The number of partitions; None: it follows from the size of the input. Raises PermanentFailure."""
        if self.partitions.strip() in ("", AUTO):
            return None
        return _number("partitions", self.partitions, MOST_PARTITIONS, f" or {AUTO}")

    def worker_count(self) -> int:
        """The number of map pods. Raises PermanentFailure."""
        return _number("workers", self.workers, MOST_WORKERS)

    def job_params(self, kinds: Mapping[str, ParamKind]) -> dict[str, Any]:
        """The job's parameters, for its model to check. Raises PermanentFailure: one should be JSON, but isn't.

        >>> arguments = Arguments("", "", [], "", params=["least=3", "words=", "title="])
        >>> arguments.job_params({"least": "json", "words": "optional", "title": "text"})
        {'least': 3, 'title': ''}
        """
        found: dict[str, Any] = {}
        for text in self.params:
            name, _, value = text.partition("=")
            kind = kinds.get(name, "text")
            if kind == "text" or value.strip():
                found[name] = _json(name, value) if kind == "json" else value
        return found


def places(text: str) -> list[str]:
    """The URLs in the value of one parameter, which commas or white space separate.

    >>> places("s3://logs/{a,b}/, file:///data/x")
    ['s3://logs/{a,b}/', 'file:///data/x']
    """
    parts = re.split(r"(?:\s*,\s*|\s+)(?=(?:s3|file)://)", text.strip())
    return [_url("input", part) for part in parts if part]


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        what = f"the parameter {name} must be JSON, but {text!r:.80} isn't ({error})"
        raise PermanentFailure("params", f'{what}: write ["a", "b"], or nothing for the default') from error


def _url(what: str, text: str) -> str:
    if "{{" in text and "}}" in text.partition("{{")[2]:
        mend = "check the name of that parameter in the Workflow"
        raise PermanentFailure("definition", f"Argo has left a variable in the {what} {text!r:.200}: {mend}")
    if not re.match(r"s3://[^/]+/|file:///", text + "/") or any(ord(letter) < 32 for letter in text):
        mend = "write s3://BUCKET/PATH or file:///PATH"
        raise PermanentFailure("definition", f"the {what} {text!r:.200} is not a URL that pods can reach: {mend}")
    return text


def _number(what: str, text: str, most: int, otherwise: str = "") -> int:
    number = int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else 0
    if not 1 <= number <= most:
        raise PermanentFailure("definition", f"{what} must be between 1 and {most:,}{otherwise}, not {text!r:.80}")
    return number


def _members(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in fields(value)}
