"""The examples in docstrings."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("module", ["console", "places", "problems"])
def test_examples(module: str):
    failed, tried = doctest.testmod(import_module(f"fanfold_client.{module}"))
    assert tried
    assert not failed
