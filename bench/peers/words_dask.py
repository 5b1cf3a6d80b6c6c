"""Word count as Dask's bags have it: `python words_dask.py INPUT OUTPUT`."""

import sys
from pathlib import Path

import dask
import dask.bag


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    with dask.config.set(scheduler="processes", num_workers=2):
        lines = dask.bag.read_text(f"{source}/*.txt", blocksize=16 << 20, encoding="utf-8")
        counts = lines.str.split().flatten().frequencies().compute()
    with target.open("w", encoding="utf-8") as out:
        out.writelines(f"{word}\t{count}\n" for word, count in counts)


if __name__ == "__main__":
    main()
