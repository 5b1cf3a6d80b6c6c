"""Mappers, combiners and reducers that tests name in specs, good ones and broken ones."""

import ast
import os
import pickle
import time
from decimal import Decimal

from fanfold import To


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


def returns_number(line):
    return 7


def returns_none(line):
    pass


def returns_empty_tuple(line):
    return ()


def gives_two_letters(line):
    yield "ab"


def literal_lines(line):
    yield line, 1


def no_pair_late(line):
    """A set may be unpacked in either order, and so be taken for a pair."""
    yield {"two": "ab", "set": {"k", 1}, "dict": {"k": 1, 2: 3}}.get(line, (line, 1))


def returns_dict(line):
    return {"ab": 1}


def returns_pair(line):
    return line, 1


def gives_no_pair(line):
    yield line


def gives_unhashable(line):
    yield [line], 1


def gives_nan_key(line):
    yield float("nan"), 1


def gives_text_to_sum(line):
    yield line, "1"


def gives_list_to_sum(line):
    yield line, [0.5]


def gives_two_kinds_late(line):
    for _ in range(3):
        yield line, 1
    yield line, Decimal(1)
    yield line, 0.5


def gives_equal_number(line):
    yield 1, 1
    yield complex(1), 1


def by_number(line):
    """Each number as the line writes it: `1`, `1.0` and `True` are one key."""
    yield ast.literal_eval(line), 1


def gives_deep_tuple(line):
    key: tuple = ()
    for _ in range(5000):
        key = (key,)
    yield key, 1


def literals(line):
    """`KEY VALUE`, both as Python writes them; a word is itself."""
    key, _, value = line.rpartition(" ")
    yield (key if key.isalpha() else ast.literal_eval(key)), ast.literal_eval(value)


def numbered(line):
    """As `literals`, with keys of text and digits taken for text."""
    key, value = line.split()
    yield (key if key.startswith("k") else ast.literal_eval(key)), ast.literal_eval(value)


def triples(line):
    ((key, value),) = literals(line)
    yield key, (value, value, str(value))


class Odd:
    def __repr__(self):
        raise RuntimeError("no words for it")

    __str__ = __repr__


def gives_badly_shown(line):
    yield line, Odd()


_calls: list[str] = []


def returns_number_once(line):
    _calls.append(line)
    if len(_calls) == 1:
        return 7
    raise RuntimeError("another time it raises")


class HalfPickle(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def gives_half_pickle(line):
    yield line, HalfPickle(1, 2)


def takes_too_many(key, values):
    yield key, next(values) - next(values)


def gives_lambda(line):
    yield line, lambda: line


def yields_surrogate(key, values):
    yield key, "\ud800"


def yields_badly_shown(key, values):
    yield Odd()


def takes_three(one, two, three):
    yield one, two


def pairs_or_rejects(line):
    if line.startswith("bad"):
        return [To("rejects", ("reject", line))]
    key, value = line.split()
    return [(key, int(value))]


def rejects_and_fails(line):
    yield To("rejects", line)
    if line.startswith("bad"):
        raise ValueError(line)
    key, value = line.split()
    yield key, int(value)
    yield (To("rejects", "a pair is wrong") if line == "k1 1" else (key, 0))
    if line == "k2 2":
        yield "no pair"


def total_seen(key, values):
    yield To("seen", f"reduced {key}")
    yield key, sum(values)


def total_seen_again(key, value):
    yield To("seen", f"mapped {key}")
    yield key, value


def gives_set_aside(line):
    yield To("rejects", {line})


def line_words(line):
    for word in line.split():
        yield word, 1


def under_one_key(pair):
    """A word and its count, so that all come to one reducer."""
    word, count = pair
    yield None, (count, word)


def under_one_key_by_key(word, count):
    yield None, (count, word)


def most(key, values):
    count, word = max(values, key=lambda pair: (pair[0], pair[1]))
    yield f"{word}: {count}"


def at_offset(offset, line):
    if line:
        yield offset, line.upper()


def upper_list(line):
    return [line.upper()] if line else []


def returns_line(line):
    return line


def raises_on_many(word, count):
    if count > 2:
        raise ValueError(f"{word} is there too often")
    yield word, count


def gives_single(key, values):
    yield sum(values)


def user_rows(line):
    name, city = line.split(",")
    yield name, ("user", city)


def order_rows(offset, line):
    name, what = line.split(";")
    yield name, ("order", offset, what)


def joined(name, values):
    city = None
    for kind, *rest in values:
        if kind == "user":
            (city,) = rest
        else:
            yield f"{name} {city} {rest[1]}@{rest[0]}"


def raises_at_length(line):
    raise ValueError("\udcff much" * 1_000_000)


def exits(line):
    raise SystemExit(3)


def reducer_raises(key, values):
    raise KeyError(key)


def reducer_returns_none(key, values):
    pass


def reducer_returns_empty_tuple(key, values):
    return ()


def reducer_returns_text(key, values):
    return "text"


def dict_returned(key, values):
    return {key: sum(values)}


def total_returned(key, values):
    return key, sum(values)


def yields_text(key, values):
    yield "text"


def combiner_raises(key, values):
    raise RuntimeError("combiner broke")
    yield key, 1


def slow_pairs(line):
    """A record that takes its time: the task it is in, not the machine, is slow."""
    if line.startswith("slow"):
        time.sleep(0.1)
    yield line, 1


not_a_function = 7


def first_word(line):
    yield line.split(" ", 1)[0], 1


def by_first_word(line):
    yield line.split(" ", 1)[0], line


def longest(key, values):
    yield key, max(map(len, values))


def spaced(line):
    for word in line.split(" "):
        yield word, 1


def unpickled(line):
    """A pair of any types, as hex digits of its pickle."""
    yield pickle.loads(bytes.fromhex(line))


def listed(key, values):
    yield repr((key, list(values)))


def key_alone(line):
    yield line, None


def same_key(line):
    yield "k", line


def unsortable_values(line):
    yield line, {}


def by_first_letter(key, partitions):
    return (ord(key[0]) - ord("a")) % partitions


def by_spelling(key, partitions):
    return len(repr(key)) % partitions


def by_left(key, partitions):
    return ord(key.left) % partitions


def by_kind(key, partitions):
    return int(type(key) is not tuple)


def key_pickled(key, values):
    yield pickle.dumps(key).hex()


def out_of_range(key, partitions):
    return partitions


def raises_for_b(key, partitions):
    if key == "b":
        raise LookupError("no partition for b")
    return 0


def returns_none_of_two(key, partitions):
    pass


def turned(pair):
    yield pair[1], pair[0]


def breaks_lines_on_bad(line):
    yield line, "two\nlines" if line == "bad" else 1


def word_and_n(row):
    yield row["word"], row["n"]


def word_and_whole_n(row):
    yield row["word"], int(row["n"])


def many_of_one(line):
    """Far more pairs for one record than a small share of memory holds, each with a key of its own."""
    for number in range(int(line)):
        yield f"{number % 7}{number:08d}", number


def many_for_a_key(line):
    """The same with one key, and with values that are tuples."""
    for number in range(int(line)):
        yield "k", (f"{number % 7}{number:08d}", number)


def count_only(key, values):
    yield key, sum(1 for _ in values)


class HoldsBack:
    """A mapper that gives nothing before its end, and then all that it can of its lines."""

    def __init__(self):
        self.lines = []

    def __call__(self, line):
        self.lines.append(line)
        return ()

    def finish(self):
        for line in self.lines:
            yield from numbered(line)


class MakesMany:
    """A mapper that holds nothing, and in the end makes far more than it was given, most of it for a few keys."""

    def __call__(self, line):
        yield line, ""

    def finish(self):
        for number in range(20_000):
            yield f"{number % 2000:04d}", f"{number:01000d}"


def as_it_is(record):
    yield record


def variables(record):
    yield ",".join(str(os.environ.get(name)) for name in ("SHADOWED", "NEW", "OF_JOB")), 1


def removes_variable(record):
    os.environ.pop("NEW", None)
    yield record, 1


def swapped(key, value):
    yield value, key


def sleeps(record):
    time.sleep(60)
    yield record, 1
