"""What documents point to is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("document", TRACKED.split())
def test_relative_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    missing = [link for link in LINK.findall(file.read_text()) if not (file.parent / link).exists()]
    assert not missing
