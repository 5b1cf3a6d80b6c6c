"""Text to measure with: lines of made-up words whose frequencies follow Zipf's law, the same bytes every time."""

import itertools
import random
from pathlib import Path

WORDS = 200_000
LINE_WORDS = 12
FILES = 4


def make(folder: Path, size: int) -> Path:
    """A folder of text files of about `size` bytes together; made once, found again afterwards."""
    target = folder / f"text-{size}"
    made = folder / f"text-{size}.made"
    if made.exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyzäéß", k=chance.randint(2, 12))) for _ in range(WORDS)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, WORDS + 1)))
    for number in range(FILES):
        with (target / f"{number}.txt").open("w", encoding="utf-8") as file:
            written = 0
            while written < size // FILES:
                some = chance.choices(words, cum_weights=weights, k=LINE_WORDS * 1000)
                lines = [" ".join(some[at : at + LINE_WORDS]) for at in range(0, len(some), LINE_WORDS)]
                block = "\n".join(lines) + "\n"
                written += len(block.encode())
                file.write(block)
    made.touch()
    return target
