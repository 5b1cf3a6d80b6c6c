"""Functions and objects that ask for a context or have hooks, for tests to name in specs."""

import threading
from collections import Counter


def counted_words(line, ctx):
    for word in line.split():
        ctx.count("words", "long" if len(word) > 4 else "short")
        yield word, 1
    ctx.count("lines", "seen")


def placed(line, *, ctx):
    yield ctx.source.path, (ctx.source.offset, line)


def listed(key, values, ctx):
    ctx.count("keys", "seen")
    for offset, line in values:
        yield f"{key} {offset} {line}"


def asks_in_reducer(key, values, ctx):
    yield ctx.source


def counts_halves(line, ctx):
    ctx.count("a", "b", 0.5)
    yield line, 1


def counts_for_fanfold(line, ctx):
    ctx.count("fanfold", "input_records")
    yield line, 1


def ctx_alone(ctx):
    yield ctx, 1


def partial(key, values, ctx):
    ctx.count("combiner", "keys")
    yield key, sum(values)


def total(key, values):
    yield key, sum(values)


class Tallying:
    """Combines in the mapper: what it yields in the end is summed."""

    def __init__(self, least=1):
        self.least = least
        self.counts: Counter[str] = Counter()
        self.started = 0

    def start(self, ctx):
        self.ctx = ctx
        self.started += 1

    def __call__(self, line):
        assert self.started == 1
        self.counts.update(word for word in line.split() if len(word) >= self.least)
        return ()

    def finish(self):
        self.ctx.count("hooks", "words", sum(self.counts.values()))
        yield from self.counts.items()


class Ranked:
    """A reducer that keeps the greatest and tells them in the end."""

    def __init__(self):
        self.best = []

    def __call__(self, key, values, ctx):
        ctx.count("hooks", "keys")
        self.best.append((sum(values), key))
        return []

    def finish(self):
        for count, key in sorted(self.best, reverse=True)[:3]:
            yield key, count


class Pairing:
    """A combiner that holds everything back until its end."""

    def __init__(self):
        self.sums = []

    def __call__(self, key, values):
        self.sums.append((key, sum(values)))
        return []

    def finish(self):
        return self.sums


class Breaking:
    def start(self, ctx):
        self.lines = 0

    def __call__(self, line):
        self.lines += 1
        yield line, 1

    def finish(self):
        raise ValueError(f"after {self.lines} lines")


class NeverStarting:
    def start(self, ctx):
        raise LookupError("no luck")

    def __call__(self, line):
        yield line, 1


class EndingBadly:
    def __call__(self, line):
        yield line, 1

    def finish(self):
        yield "no pair"


class EndingInText:
    def __call__(self, line):
        yield line, 1

    def finish(self):
        return "ab"


class EndingInPair:
    def __call__(self, key, values):
        yield key, len(list(values))

    def finish(self):
        return "ab", 2


class Uncopied:
    def __init__(self):
        self.lines = (line for line in "no")

    def __call__(self, line):
        yield line, 1


tallying = Tallying()
ranked = Ranked()
pairing = Pairing()
uncopied = Uncopied()


def numbers(line, ctx):
    ctx.count("lines", "seen")
    key, value = line.split()
    yield key, float(value) if "." in value else int(value)


heard = threading.Event()


def tells(line, ctx):
    """Tells what it does, and goes on only when somebody has heard it."""
    ctx.progress(f"mapping {line}")
    ctx.log(f"a line: {line}")
    assert heard.wait(30)
    yield line, 1
