"""Failure policies: a bad record fails the job, or it is quarantined."""

from dataclasses import dataclass
from typing import Literal

from fanfold_steps.job.arguments import explain_arguments

LONGEST_TIMEOUT = 1_000_000  # seconds; threads can't wait forever


class InvalidPolicy(ValueError):
    """An invalid failure policy; the text says why."""


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Fail:
    """The first bad record fails the job."""

    policy: Literal["fail"] = "fail"


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Skip:
    """Bad records are quarantined in the output's `_quarantine/`, up to this fraction of all; more fail the job.

    A record is bad if the mapper raises or emits something invalid, or if it isn't valid in the input's format; a key,
    if the reducer raises. The fraction applies separately to the records of each stage's mapper and to the keys of its
    reducer.
    """

    at_most: float = 0.001
    policy: Literal["skip"] = "skip"

    def __post_init__(self) -> None:
        if type(self.at_most) not in (int, float) or not 0 <= self.at_most <= 1:
            raise InvalidPolicy(f"Skip(at_most=…) is a fraction from 0 to 1, as 0.001, not {self.at_most!r:.80}")


Policy = Fail | Skip


def problem_of_timeout(seconds: object) -> str | None:
    """What is wrong with a timeout in seconds; None if it is valid."""
    if type(seconds) in (int, float) and 0 < seconds <= LONGEST_TIMEOUT:  # type: ignore[operator]
        return None
    return f"a number of seconds up to {LONGEST_TIMEOUT:,}, not {seconds!r:.80}"
