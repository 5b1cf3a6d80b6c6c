"""The ids of jobs: they sort by the time at which the jobs were admitted."""

import secrets
from collections.abc import Callable

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LENGTH = 20  # digits: 9 of the time, 11 that are random
ID_PATTERN = f"^[0-9a-z]{{{LENGTH}}}$"
"""A regular expression that all ids match."""


def new_job_id(now: Callable[[], float]) -> str:
    """20 lower-case letters and digits that sort by time: milliseconds, then random digits.

    >>> new_job_id(lambda: 0.0) < new_job_id(lambda: 0.001) < new_job_id(lambda: 4e9)
    True
    """
    return time_digits(int(now() * 1000)) + "".join(secrets.choice(_DIGITS) for _ in range(11))


def time_digits(milliseconds: int) -> str:
    """How the ids of jobs from a time begin, which is in Unix milliseconds.

    >>> time_digits(35), time_digits(36)
    ('00000000z', '000000010')
    """
    digits = ""
    for _ in range(9):
        milliseconds, digit = divmod(milliseconds, 36)
        digits = _DIGITS[digit] + digits
    return digits


def milliseconds_of(job_id: str) -> int:
    """The time that an id begins with, in Unix milliseconds.

    >>> milliseconds_of(new_job_id(lambda: 12.5))
    12500
    """
    return int(job_id[:9], 36)


def is_job_id(text: str) -> bool:
    """Whether a text can be a job's id.

    >>> is_job_id("000m3k2v8q1x7f9a2b4c"), is_job_id("../secret")
    (True, False)
    """
    return len(text) == LENGTH and all(character in _DIGITS for character in text)
