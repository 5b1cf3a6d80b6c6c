"""An inverted index as one writes it without a library, in one process: `python index_bare.py INPUT OUTPUT`."""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path


def words(text: str) -> Iterator[str]:
    yield from set(text.split())


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    documents: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(source.iterdir()):
        for word in words(file.read_text(encoding="utf-8", errors="surrogateescape")):
            documents[word].append(file.name)
    with target.open("w", encoding="utf-8", errors="surrogateescape") as out:
        out.writelines(f"{word}\t{' '.join(documents[word])}\n" for word in sorted(documents))


if __name__ == "__main__":
    main()
