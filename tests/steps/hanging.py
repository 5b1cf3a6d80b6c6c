"""Functions that don't end, for tests to name in specs."""

import re
import time


def hangs(line):
    while line == "hang":
        time.sleep(0.01)
    yield line, 1


seen: set[str] = set()


def hangs_at_the_second_look(line):
    """After a sample has been taken of it."""
    if line in seen:
        yield from hangs(line)
    seen.add(line)
    yield line, 1


def asked(key, partitions, ctx):
    return len(key) % partitions


def pairs(line):
    yield line, 1


def locks(line):
    if line == "lock":
        re.match("(a+)+b", "a" * 64)  # holds the interpreter's lock for longer than anybody lives
    yield line, 1


def locks_at_key(key, values):
    yield from locks(key)
