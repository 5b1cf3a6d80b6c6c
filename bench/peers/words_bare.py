"""What one would write without Fanfold: word count by two processes, each with the same generator and a dict.

`python bench/bare.py INPUT OUTPUT`. It keeps none of Fanfold's promises: no resuming, no checks, all in memory.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def words(line: str) -> Iterator[tuple[str, int]]:
    for word in line.split():
        yield word, 1


def count(files: list[Path]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for file in files:
        with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            for line in lines:
                for word, one in words(line):
                    counts[word] = counts.get(word, 0) + one
    return counts


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    files = sorted(source.iterdir())
    totals: dict[str, int] = {}
    with ProcessPoolExecutor(2) as pool:
        for counts in pool.map(count, [files[::2], files[1::2]]):
            for word, number in counts.items():
                totals[word] = totals.get(word, 0) + number
    target.mkdir()
    with (target / "counts.txt").open("w", encoding="utf-8", errors="surrogateescape") as out:
        out.writelines(f"{word}\t{totals[word]}\n" for word in sorted(totals))


if __name__ == "__main__":
    main()
