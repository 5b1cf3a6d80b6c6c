"""A task: one piece of a step, and where in the job tree its attempts write."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """A task, by its stage, its step and its index."""

    stage: int
    step: str
    index: int

    @property
    def commit(self) -> str:
        """The key of the commit, which says which attempt counts."""
        return f"{commits_folder(self.stage, self.step)}{self.index:05d}.json"

    def run(self, attempt: str) -> str:
        """The key of the run that an attempt writes."""
        return f"stage-{self.stage}/{self.step}/runs/{self.index:05d}-{attempt}.run"

    def side_records(self, attempt: str) -> str:
        """The key of the run of an attempt's side records."""
        return f"stage-{self.stage}/{self.step}/side/{self.index:05d}-{attempt}.run"

    def __str__(self) -> str:
        return f"{self.step}/{self.index}"


def commits_folder(stage: int, step: str) -> str:
    """The folder of a step's commits: the beginning of their keys."""
    return f"stage-{stage}/{step}/commits/"


def neighbourhood(index: int) -> str:
    """How the names of the files of a thousand tasks begin, this one's among them: one page of a listing in S3.

    >>> neighbourhood(12), neighbourhood(43210)
    ('00', '43')
    """
    return f"{index:05d}"[:-3]
