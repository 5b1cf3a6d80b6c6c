"""Hadoop's settings by name, as `names.toml` lists them: which take effect, which change nothing, which are refused.

A name that ends with a dot stands for all names that begin with it; the longest that fits counts.
"""

import tomllib
from importlib.resources import files

_LISTS = tomllib.loads(files("fanfold.authoring.hadoop").joinpath("names.toml").read_text("utf-8"))

PREFIXES: tuple[str, ...] = tuple(_LISTS["prefixes"])
"""How Hadoop's names begin, apart from some that are listed."""

FOLLOWED: frozenset[str] = frozenset(_LISTS["followed"])
"""Settings that take effect."""

ONLY: dict[str, tuple[list[str], str]] = {
    name: (group["values"], group["why"]) for group in _LISTS["accepted_with"] for name in group["names"]
}
"""Settings that are accepted only with these values, and why others are refused."""

REFUSED: dict[str, str] = {name: group["instead"] for group in _LISTS["refused"] for name in group["names"]}
"""Settings that are refused, and what to do instead."""

WITHOUT_EFFECT: frozenset[str] = frozenset(name for group in _LISTS["without_effect"] for name in group["names"])
"""Settings that by definition change nothing in a result."""

NEW_NAMES: dict[str, str] = _LISTS["new_names"]
"""Old names, and what replaced them."""
