"""Reducers whose records differ from part to part."""

from decimal import Decimal

PARTS = 4


def letters(line):
    yield line, 1


def by_letter(key, count):
    return ord(key) % count


def number(key, values):
    """An integer, a float, a null, in parts of their own; one part gets no record."""
    yield {"k": key, "x": {"a": 1, "b": 2.5}.get(key), "only": {"c": [key]}.get(key)}


def clashing(key, values):
    yield {"k": key, "x": 1 if key == "a" else key}


def decimals(key, values):
    """Each of which has 38 digits, but not both in one column."""
    yield {"k": key, "x": Decimal("1" * 37) if key == "a" else Decimal("0." + "1" * 37)}


def columns_by_letter(key, values):
    yield {"k": key, "n": sum(values)} if key == "a" else {"n": sum(values), "k": f'{key},"\r\n'}


def other_columns(key, values):
    yield {"k": key} if key == "a" else {"k": key, "n": 1}


def lists_and_dicts(key, values):
    yield {"k": key} if key == "a" else [key]


def with_sides(key, values):
    from fanfold_steps.outputs.to import To

    yield key, 1
    yield To("side", {"x": 1 if key == "a" else 2.5})


def many(line):
    """Rows whose types widen late, and whose sizes differ."""
    for n in range(3000):
        yield {"n": n if n < 2900 else n / 4, "text": "x" * (n % 90), "list": [] if n < 2000 else [n]}
