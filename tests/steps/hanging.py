"""Functions that don't end, for tests to name in specs."""

import re
import time


def hangs(line):
    while line == "hang":
        time.sleep(0.01)
    yield line, 1


def pairs(line):
    yield line, 1


def locks(line):
    if line == "lock":
        re.match("(a+)+b", "a" * 64)  # holds the interpreter's lock for longer than anybody lives
    yield line, 1


def locks_at_key(key, values):
    yield from locks(key)
