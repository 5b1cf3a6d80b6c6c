"""Other processes for tests: Python snippets that use storage."""

import os
import subprocess
import sys
from collections.abc import Mapping

_PRELUDE = """
import json, os, signal, sys
from fanfold_storage.errors import *
from fanfold_storage.objects import *
from fanfold_storage.records import *
from fanfold_storage.urls import open_objects, open_records
"""


def python(code: str, *arguments: str, environ: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a snippet; its arguments are in `sys.argv[1:]`, its answer is what it prints."""
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )


def answer(process: "subprocess.Popen[str]", status: int = 0) -> str:
    """What the snippet printed; fails unless it ended with `status` (-9: killed)."""
    printed, complaints = process.communicate(timeout=60)
    assert process.returncode == status, complaints
    return printed.strip()
