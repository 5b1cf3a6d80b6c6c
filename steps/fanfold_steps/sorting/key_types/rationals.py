"""Decimals and Fractions, which may not be equal to any float, as bytes in the order of all numbers.

The fraction above the integer is first encoded as the nearest double at or below it, like a float of that value. The
remainder follows as a continued fraction: of two rational numbers, the first terms that differ tell which number is
less (with the order reversed for every second term), and the terms always come to an end.
"""

import math
from fractions import Fraction

from fanfold_steps.sorting.key_types import encoding
from fanfold_steps.sorting.key_types.encoding import DOUBLE, FRACTION, INVERTED

_MORE = FRACTION  # above anything that may follow a number, like the mark of the fraction itself
_ABOVE_ALL, _BELOW_ALL = b"\xff", b"\x00"  # instead of a term: there are no more, as if it were infinite


def encode_rational(number: Fraction) -> bytes:
    """The bytes of a number, which are those of an int or a float that is equal to it, if there is one."""
    whole, rest = divmod(number, 1)
    if not rest:
        return encoding.encode_int(whole)
    head = encoding.encode_int(whole) + FRACTION
    if number > 0:
        double = _below(rest)
        remainder = (rest - Fraction(double)) / Fraction(math.nextafter(double, 1) - double)
        head += DOUBLE.pack(double)
    else:  # as for floats: the distance to the next integer, inverted
        double = _above(1 - rest)
        remainder = (Fraction(double) - 1 + rest) / Fraction(double - math.nextafter(double, 0))
        head += DOUBLE.pack(double).translate(INVERTED)
    return head + _MORE + _continued(remainder) if remainder else head


def _below(fraction: Fraction) -> float:
    """The largest double at or below a fraction between 0 and 1."""
    nearest = fraction.numerator / fraction.denominator
    return math.nextafter(nearest, 0) if Fraction(nearest) > fraction else nearest


def _above(fraction: Fraction) -> float:
    """The least double at or above a fraction between 0 and 1."""
    nearest = fraction.numerator / fraction.denominator
    return math.nextafter(nearest, 1) if Fraction(nearest) < fraction else nearest


def _continued(fraction: Fraction) -> bytes:
    """The terms of a continued fraction between 0 and 1."""
    terms = b""
    above, below = fraction.denominator, fraction.numerator
    is_odd = True
    while below:
        term, rest = divmod(above, below)
        encoded = encoding.encode_int(term)[1:]
        terms += encoded.translate(INVERTED) if is_odd else encoded
        above, below, is_odd = below, rest, not is_odd
    return terms + (_BELOW_ALL if is_odd else _ABOVE_ALL)
