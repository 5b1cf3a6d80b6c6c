"""`make demo` as a newcomer sees it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.thorough
def test_the_demo_shows_each_command_and_the_top_words_and_leaves_nothing(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "fanfold_client.local.demo"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=110,
        env=os.environ | {"TMPDIR": str(tmp_path), "PATH": os.defpath},
    )
    assert done.returncode == 0, done.stderr
    for command in ("up --demo", "login http://127.0.0.1:", "put texts texts/", "submit wordcount", "results 0"):
        assert f"$ fanfold {command}" in done.stdout
    after = done.stdout.partition(" --stdout | sort -k2 -rn | head -10\n")[2].splitlines()
    words, counts = zip(*(line.split("\t") for line in after[:10]), strict=True)
    assert {"def", "if", "="} <= set(words)
    assert sorted(map(int, counts), reverse=True) == list(map(int, counts))
    assert after[10] == ""
    again = shlex.split(after[-1].removeprefix("To try it yourself: "))
    assert again[1:] == ["up", "--demo"]
    assert subprocess.run([*again, "--help"], stdout=-1, env={"PATH": os.defpath}).returncode == 0
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
