"""What is measured on: text, records, documents, keys, events. Made once, the same bytes each time, outside the
checkout."""

import itertools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fanfold-bench"
WORDS = 200_000
LINE_WORDS = 12
FILES = 4
RECORD = 100  # bytes
KEYED = 50  # bytes
EVENT = 130  # bytes, nearly
MIX = 0x9E3779B97F4A7C15  # odd, so that i * MIX mod 2**64 is different for every i, and in no order
COUNTRIES = ["at", "br", "de", "fr", "in", "jp", "ke", "us"]
BLOCK = 1 << 16  # records written at once


def text(size: int) -> Path:
    """A folder of text files of about `size` bytes together; frequencies of words follow Zipf's law."""
    return _made(f"text-{size}", lambda folder: _texts(folder, size, FILES))


def documents(size: int, count: int) -> Path:
    """A folder of `count` text files of about `size` bytes together."""
    return _made(f"documents-{size}-{count}", lambda folder: _texts(folder, size, count))


def records(size: int) -> Path:
    """A file of lines of 100 bytes, as sort benchmarks have them: 10 random characters, a number and filler."""
    return _file("records", size, lambda: _records(size // RECORD))


def keyed(size: int) -> Path:
    """A file of lines of 50 bytes, `key TAB amount TAB filler`, in which every key stands twice, far apart."""
    return _file("keyed", size, lambda: _keyed(size // KEYED))


def events(size: int) -> Path:
    """A file of objects of eight fields in lines of JSON, some 130 bytes each."""
    return _made(f"events-{size}", lambda folder: _write(folder / "events.jsonl", _events(size))) / "events.jsonl"


def tables(orders: int, users: int) -> Path:
    """A folder with `orders.csv` and `users.csv`, of so many rows; each order is of one of the users."""
    return _made(f"tables-{orders}-{users}", lambda folder: _tables(folder, orders, users))


def keys(count: int) -> Path:
    """A file of so many lines, each a key of 16 characters that stands in it twice, far apart."""
    return _made(f"keys-{count}", lambda folder: _write(folder / "keys.txt", _keys(count))) / "keys.txt"


def rows(count: int) -> Path:
    """A file of Parquet of so many rows of four columns, some 10 bytes each, with a million different users."""
    return _made(f"rows-{count}", lambda folder: _rows(folder / "rows.parquet", count)) / "rows.parquet"


def warm(source: Path) -> Path:
    """Read it all once, so that the first to run doesn't pay for the disk."""
    for file in [source] if source.is_file() else sorted(source.iterdir()):
        with file.open("rb") as opened:
            while opened.read(1 << 24):
                pass
    return source


def _file(name: str, size: int, lines: Callable[[], Iterator[str]]) -> Path:
    return _made(f"{name}-{size}", lambda folder: _write(folder / f"{name}.txt", lines())) / f"{name}.txt"


def _made(name: str, make: Callable[[Path], None]) -> Path:
    folder, finished = CACHE / name, CACHE / f"{name}.made"
    if not finished.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make(folder)
        finished.touch()
    return folder


def _write(file: Path, blocks: Iterator[str]) -> None:
    with file.open("w", encoding="utf-8", newline="\n") as opened:
        opened.writelines(blocks)


def _texts(folder: Path, size: int, count: int) -> None:
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyzäéß", k=chance.randint(2, 12))) for _ in range(WORDS)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, WORDS + 1)))
    lines = min(1000, size // count // 100 + 1)
    for number in range(count):
        with (folder / f"{number:05d}.txt").open("w", encoding="utf-8", newline="\n") as file:
            written = 0
            while written < size // count:
                some = chance.choices(words, cum_weights=weights, k=LINE_WORDS * lines)
                block = "\n".join(" ".join(some[at : at + LINE_WORDS]) for at in range(0, len(some), LINE_WORDS)) + "\n"
                written += len(block.encode())
                file.write(block)


def _records(count: int) -> Iterator[str]:
    chance = random.Random(1)
    characters = "".join(map(chr, range(33, 127)))
    pool = "".join(chance.choices(characters, k=1 << 20))
    filler = ["".join(letter * 4 for letter in chance.choices(characters, k=13)) for _ in range(256)]
    for first in range(0, count, BLOCK):
        keys = [chance.getrandbits(40) for _ in range(min(BLOCK, count - first))]
        yield "".join(
            f"{pool[key & 0xFFFFF : (key & 0xFFFFF) + 5]:5}{pool[key >> 20 : (key >> 20) + 5]:5}  "
            f"{number:032X}  {filler[key & 0xFF]} \n"
            for number, key in enumerate(keys, first)
        )


def _tables(folder: Path, orders: int, users: int) -> None:
    chance = random.Random(1)
    with (folder / "orders.csv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("order,user,amount,day\n")
        for number in range(orders):
            cents, day = chance.randrange(10_000_000), chance.randrange(28) + 1
            amount = f"{cents // 100}.{cents % 100:02}"
            file.write(f"{number},{chance.randrange(users)},{amount},2026-{cents % 12 + 1:02}-{day:02}\n")
    numbers = list(range(users))
    chance.shuffle(numbers)
    with (folder / "users.csv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("user,name,country\n")
        file.writelines(f"{number},name-{number * MIX % users},{chance.choice(COUNTRIES)}\n" for number in numbers)


def _keyed(count: int) -> Iterator[str]:
    distinct = count // 2
    for first in range(0, count, BLOCK):
        yield "".join(
            f"{(number % distinct) * MIX & 0xFFFFFFFFFFFFFFFF:016x}\t{number % 10}\t{'fill' * 7}in\n"
            for number in range(first, min(first + BLOCK, count))
        )


def _events(size: int) -> Iterator[str]:
    chance, number = random.Random(1), 0
    while size > 0:
        lines = [_event(number + at, chance.getrandbits(32)) for at in range(min(BLOCK, size // EVENT + 1))]
        number += len(lines)
        yield (block := "".join(lines))
        size -= len(block)


def _event(number: int, drawn: int) -> str:
    time = f"2026-{drawn % 12 + 1:02}-{drawn % 28 + 1:02}T{drawn % 24:02}:{drawn % 60:02}:{(drawn >> 8) % 60:02}Z"
    kind = ("view", "click", "purchase", "refund")[(drawn >> 9) & 3]
    return (
        f'{{"id":{number},"time":"{time}","user":{drawn % 1_000_000},"city":"city-{drawn % 500:03}","kind":"{kind}",'
        f'"amount":{(drawn >> 7) % 10_000},"price":{drawn % 10_000 / 100},"ok":{"true" if drawn & 1 else "false"}}}\n'
    )


def _keys(count: int) -> Iterator[str]:
    for first in range(0, count, BLOCK):
        numbers = range(first, min(first + BLOCK, count))
        yield "".join(f"{(number % (count // 2)) * MIX & 0xFFFFFFFFFFFFFFFF:016x}\n" for number in numbers)


def _rows(file: Path, count: int) -> None:
    import polars as pl  # no other input needs it

    mixed = pl.int_range(count, dtype=pl.UInt64) * MIX
    columns = [
        (mixed // (1 << 40) % 1_000_000).cast(pl.Int64).alias("user"),
        pl.format("city-{}", mixed // (1 << 20) % 500).alias("city"),
        (mixed // (1 << 30) % 10_000).cast(pl.Int64).alias("amount"),
        ((mixed // (1 << 13) % 100_000).cast(pl.Float64) / 100).alias("price"),
    ]
    frame = pl.select(columns)
    frame.write_parquet(file, compression="zstd", row_group_size=1 << 18)
