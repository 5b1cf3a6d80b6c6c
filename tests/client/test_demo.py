"""`make demo` as a newcomer sees it."""

import os
import subprocess
import sys
from pathlib import Path

from fanfold_client.demo import top


def test_the_demo_shows_each_command_and_the_top_words_and_leaves_nothing(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "fanfold_client.demo"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    for command in ("up --demo", "login http://127.0.0.1:", "put texts texts/", "submit wordcount", "results 0"):
        assert f"$ fanfold {command}" in done.stdout
    words = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert {"def", "if", "="} <= set(words)
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_top():
    assert top("a\t5\nb c\t20\n\u2028\t1\n", 2) == [("b c", 20), ("a", 5)]
