"""What happens to a bad record: it ends the job, or it is put aside."""

from dataclasses import dataclass
from typing import Literal

from fanfold_steps.arguments import told

LONGEST_TIMEOUT = 1_000_000  # seconds; threads can't wait for ever


class InvalidPolicy(ValueError):
    """A failure policy that can't be, as it is declared."""


@told()
@dataclass(frozen=True, slots=True)
class Fail:
    """The first bad record ends the job."""

    policy: Literal["fail"] = "fail"


@told()
@dataclass(frozen=True, slots=True)
class Skip:
    """Bad records are put aside into the output's `_quarantine/`, up to this share of all; more of them end the job.

    Bad is a record at which the mapper raises or gives what can't be taken in, one that is none of the input's format,
    and a key at which the reducer raises. The share holds for the records of each stage's mapper, and for the keys of
    its reducer, by themselves.
    """

    at_most: float = 0.001
    policy: Literal["skip"] = "skip"

    def __post_init__(self) -> None:
        if type(self.at_most) not in (int, float) or not 0 <= self.at_most <= 1:
            raise InvalidPolicy(f"Skip(at_most=…) is a share between 0 and 1, as 0.001, not {self.at_most!r:.80}")


Policy = Fail | Skip


def problem_of_timeout(seconds: object) -> str | None:
    """Why a task can't have so many seconds; None if it can."""
    if type(seconds) in (int, float) and 0 < seconds <= LONGEST_TIMEOUT:  # type: ignore[operator]
        return None
    return f"a number of seconds up to {LONGEST_TIMEOUT:,}, not {seconds!r:.80}"
