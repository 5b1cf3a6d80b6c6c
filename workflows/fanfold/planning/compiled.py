"""A compiled job: what planner and services take, however the job was written."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fanfold.planning.params import from_options, from_values
from fanfold.planning.programs import require_programs
from fanfold_steps.job.spec import JobSpec


@dataclass(frozen=True, slots=True)
class Bundle:
    """A job's code: the bytes of a zip file and their SHA-256 (hex)."""

    data: bytes
    sha256: str

    @property
    def names(self) -> list[str]:
        """The paths of the files inside."""
        return zipfile.ZipFile(io.BytesIO(self.data)).namelist()


@dataclass(frozen=True, slots=True)
class CompiledJob:
    """A job ready to be planned or submitted. Built-in jobs, and jobs without functions, need no bundle."""

    spec: JobSpec
    bundle: Bundle | None
    model: Any = None
    """The pydantic model of the job's parameters, if it has any."""
    params: dict[str, Any] = field(default_factory=dict)
    wheels: Path | None = None
    """The folder in which the wheels of its dependencies lie on this machine, each under its SHA-256."""
    builtin: str | None = None
    """The name of a built-in job."""

    @property
    def demand(self) -> str | None:
        """What workers must be, in words; None if all can run the job."""
        if self.spec.python is None:
            return None
        return f"the job has functions that were typed, not saved in a file: only Python {self.spec.python} can run it"

    def with_params(self, options: Sequence[str]) -> "CompiledJob":
        """The job with parameters, each written `NAME=VALUE`. Raises Refused: they don't fit the job's model."""
        return replace(self, params=from_options(self.model, options))

    def with_values(self, params: Any) -> "CompiledJob":
        """The job with parameters, a mapping or an instance of its model. Raises Refused: they don't fit the model."""
        return replace(self, params=from_values(self.model, params))

    def check_programs(self, *, local: bool) -> None:
        """Check that the job's programs exist, as far as this can be known before workers run.

        Args:
            local: whether workers run on this machine.

        Raises:
            InvalidCommand: a program is missing.
        """
        require_programs(self.spec, {*self.spec.files, *(self.bundle.names if self.bundle else ())}, local=local)
