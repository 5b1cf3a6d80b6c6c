"""What documents point to is there."""

import re
import subprocess
from pathlib import Path

import pytest

from fanfold_steps import tree

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("document", TRACKED.split())
def test_relative_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    missing = [link for link in LINK.findall(file.read_text()) if not (file.parent / link).exists()]
    assert not missing


def test_architecture_names_modules_that_are_there() -> None:
    files = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / "ARCHITECTURE.md").read_text())
    missing = [name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files.split())]
    assert named
    assert not missing


def test_the_list_of_the_job_trees_files_is_whole() -> None:
    written = [*ROOT.glob("steps/fanfold_steps/*.py"), *ROOT.glob("workflows/fanfold/*.py")]
    keys = re.compile(r"""["/}]([a-z]+\.(?:json|zip))["']""")
    names = {name for file in written for name in keys.findall(file.read_text())}
    assert {"job.json", "boundaries.json", "bundle.zip"} <= names
    assert not {name for name in names if name not in str(tree.__doc__)}
