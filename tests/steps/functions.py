"""Mappers, combiners and reducers that tests name in specs, good ones and broken ones."""


def pairs(line):
    key, value = line.split()
    yield key, int(value)


def partial(key, values):
    yield key, sum(values)


def total(key, values):
    yield key, sum(values)


def in_order(key, values):
    yield key, " ".join(map(str, values))


def raises_on_bad(line):
    if line == "bad":
        raise ValueError("this line is bad")
    yield line, 1


def returns_none(line):
    pass


def gives_no_pair(line):
    yield line


def gives_unhashable(line):
    yield [line], 1


def gives_float_key(line):
    yield 1.5, 1


def gives_text_to_sum(line):
    yield line, "1"


def gives_float_to_sum(line):
    yield line, 0.5


def takes_two(one, two):
    yield one, two


def raises_at_length(line):
    raise ValueError("\udcff much" * 1_000_000)


def exits(line):
    raise SystemExit(3)


def reducer_raises(key, values):
    raise KeyError(key)


def reducer_returns_none(key, values):
    pass


def reducer_returns_text(key, values):
    return "text"


def total_returned(key, values):
    return key, sum(values)


def yields_text(key, values):
    yield "text"


def combiner_raises(key, values):
    raise RuntimeError("combiner broke")
    yield key, 1


not_a_function = 7
