"""Print the lines that match a regular expression, in order (--param pattern=…).

`--param where=yes` puts `PATH:OFFSET:` before each line; `--param invert=yes` selects the lines that don't match.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Field, field_validator

from fanfold import Context, Job


class Params(BaseModel):
    """What to look for."""

    pattern: str = Field(description="a Python regular expression, searched for anywhere in a line")
    invert: bool = Field(default=False, description="select the lines that don't match")
    where: bool = Field(default=False, description="put PATH:OFFSET: before each line; OFFSET is in bytes")

    @field_validator("pattern")
    @classmethod
    def _check(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from error
        return pattern


class Matching:
    """Emits the lines that match."""

    def start(self, ctx: Context) -> None:
        """Read the parameters."""
        self._search: Any = re.compile(ctx.params.pattern).search
        self._matches = not ctx.params.invert
        self._where = ctx.params.where

    def __call__(self, line: str, ctx: Context) -> Iterator[str]:
        """The line, if it matches."""
        if (self._search(line) is not None) is self._matches:
            yield f"{ctx.source.path}:{ctx.source.offset}:{line}" if self._where else line


job = Job("grep", map=Matching, params=Params)
