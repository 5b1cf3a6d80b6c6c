"""docs/broken-job.md: its jobs break as it says, and what it says to look at holds what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

PAGE = (Path(__file__).parents[1] / "docs" / "broken-job.md").read_text()
JOB = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)
BEGINNING, *SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)
SERVICE = "The same through a service"  # tried by hand: the tests of the services hold what it says
RUN = {title: section for section in SECTIONS if (title := section.splitlines()[0]) != SERVICE}


def commands(section: str) -> list[tuple[str, list[str]]]:
    """The commands of a section, each with the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```text\n(.*?)```", section, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ ") and found and found[-1][0].endswith("&"):
                found[-1] = (f"{found[-1][0]}\n{line.removeprefix('$ ')}", [])
            elif line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def shell(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run(
        ["timeout", "90", "bash", "-c", f"set -m; {command}"],  # jobs have numbers, as at a prompt
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in JOB.findall(PAGE):
        (tmp_path / name).write_text(f"# {name}\n{code}")
    for command, _ in commands(BEGINNING):
        shell(command, tmp_path)
    return tmp_path


@pytest.mark.parametrize("title", RUN)
def test_a_broken_job_shows_what_the_page_shows(title: str, folder: Path) -> None:
    """Each line of the page stands in what is printed, in that order; `…` stands for anything."""
    shown = commands(RUN[title])
    assert shown
    for command, lines in shown:
        printed = shell(command, folder)
        pattern = ".*".join(rf"^{re.escape(line).replace('…', '.*')}$" for line in lines)
        assert re.search(pattern, printed, re.DOTALL | re.MULTILINE), f"{command}\n{printed}\n{pattern}"
