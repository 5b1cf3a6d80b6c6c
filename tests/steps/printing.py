"""A mapper that prints, for tests to name in specs."""

import sys


def words(line, ctx):
    print("a line:", line)
    print("with an error", file=sys.stderr)
    ctx.log("logged \udcff")
    if line == "bad":
        raise ValueError(line)
    yield line, 1
