"""Option types that verbs share: sizes and places."""

import re
from pathlib import Path
from typing import Any

import click

_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}


class Size(click.ParamType[int]):
    """A number of bytes, written `64KiB`, `256MiB` or `1GB`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", str(value))
        if not match or match[2].lower() not in _UNITS:
            self.fail(f"{value!r} is no size: write it like 64KiB, 256MiB or 1GB", param, ctx)
        return int(match[1]) * _UNITS[match[2].lower()]


def place_url(place: str) -> str:
    """A place as a URL: `s3://…` and `file://…` as they are, anything else a path of this machine."""
    if "://" in place:
        return place
    return Path(place).absolute().as_uri() + ("/" if place.endswith("/") else "")
