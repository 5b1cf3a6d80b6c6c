"""The examples, each run by two workers over many splits and compared with plain Python."""

import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORD = re.compile(r"[\w']+")


def run(example, output, *inputs):
    """The output's lines, and the counters."""
    given = [word for place in inputs for word in ("--input", str(place))]
    command = [sys.executable, str(ROOT / "examples" / example), *given, "--output", str(output), "--workers", "2"]
    told = subprocess.run([*command, "--split-size", "1KiB", "--json"], check=True, capture_output=True, text=True)
    parts = [file.read_text().splitlines() for file in sorted(output.glob("part-*"))]
    return [line for part in parts for line in part], json.loads(told.stdout)["counters"]


@pytest.fixture
def texts(tmp_path):
    chance = random.Random(5)
    words = ["The", "the", "dog's", "naïve", "don't", "end.", "so,", *(f"word{number}" for number in range(60))]
    folder = tmp_path / "texts"
    for number in range(4):
        file = folder / f"{number % 2}" / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(" ".join(chance.choices(words, k=chance.randint(0, 9))) + "\n" for _ in range(150)))
    return folder


def lines(texts):
    return [line for file in sorted(texts.rglob("*.txt")) for line in file.read_text().splitlines()]


def counted(words):
    return [f"{word}\t{count}" for word, count in sorted(Counter(words).items())]


@pytest.mark.parametrize("example", ["wordcount.py", "wordcount_in_columns.py"])
def test_word_count(example, texts, tmp_path):
    assert run(example, tmp_path / "out", texts)[0] == counted(word for line in lines(texts) for word in line.split())


def test_most_used_word_in_two_steps(texts, tmp_path):
    words = Counter(word.lower() for line in lines(texts) for word in WORD.findall(line))
    count, word = max((count, word) for word, count in words.items())
    assert run("most_used_word.py", tmp_path / "out", texts)[0] == [f"{count}\t{word}"]
