"""Functions that fail at some records, for tests to name in specs."""


def numbers(line, ctx):
    word, _, rest = line.partition(" ")
    ctx.count("lines", "good")
    yield word, int(rest.split()[0])
    if word.startswith("bad"):
        raise ValueError(f"a bad line: {object()}")


def pairs(line, ctx):
    for word, number in numbers(line, ctx):
        yield word, (number, number)


def field(record):
    return [("sum", record["n"])]


def odd(line):
    odd = {"list": [(["k"], 1)], "nan": [(float("nan"), 1)], "pair": ["one"], "text": [("k", "x")], "none": None}
    return odd[line] if line in odd else [("k", int(line))]


def total(key, values):
    yield f"{key} {sum(values)}"


def picky(key, values, ctx):
    ctx.count("keys", "seen")
    first = next(values)
    yield f"{key} {first}"
    if key == "b":
        raise RuntimeError("not two")


def fussy(record):
    if record.startswith("a"):
        raise LookupError("no a")
    yield record, 1


def refuses(record):
    raise ValueError("no record is good")


def seen(key, record, ctx):
    yield f"{ctx.source.path!r} {ctx.source.offset} {key} {record!r}"


def leaves(line):
    raise SystemExit(3)


def eats(line):
    raise MemoryError


def given(line):
    yield "k", {"lambda": lambda: 1, "dict": {}, "set": {1}}.get(line, 1)


def unwritten(line):
    yield {1} if line == "set" else line


def number(key, values):
    return 7


def breaks(key, values):
    raise ValueError("no key is good")


class Breaking:
    def __call__(self, line):
        yield line, 1

    def finish(self):
        raise ValueError("no end is good")
