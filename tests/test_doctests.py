"""The examples in docstrings, of every layer."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("storage", "steps", "workflows", "web", "auth_api", "submit_api", "client")
MODULES = sorted(
    ".".join(file.relative_to(ROOT / layer).with_suffix("").parts).removesuffix(".__init__")
    for layer in LAYERS
    for file in (ROOT / layer).rglob("*.py")
    if ">>>" in file.read_text()
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    failed, tried = doctest.testmod(import_module(module))
    assert tried
    assert not failed
