"""Why a job is refused before anything runs, and why one failed: what `Job.run` raises, and the command explains."""

from typing import Any

from fanfold_steps.tree.failed import Failure


class InvalidJob(TypeError):
    """A job can't run as written. The message says which part is wrong and how to fix it."""


class Refused(Exception):
    """The job can't run as requested, and nothing was written. The message says what, where and how to fix it."""


class OutputTaken(Refused):
    """The output exists already."""


class UnknownJob(LookupError):
    """There is no built-in job of that name. The message lists those that exist."""


class JobFailed(Exception):
    """A job ended without results. Its text is what the command prints, with the traceback of the user's own code."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"the job failed: {failure.describe()}")
        self.failure = failure

    @property
    def traceback(self) -> str:
        """The frames of the user's own code, as Python prints them; for a program, the end of its stderr."""
        return self.failure.traceback

    @property
    def problem(self) -> dict[str, Any]:
        """The failure in the form of a service's error response."""
        found = self.failure.to_json()
        known = {name: found[name] for name in ("task", "record", "traceback", "log") if found[name]}
        kind = {"type": "urn:fanfold:problem:job-failed", "title": "Job failed"}
        return {**kind, "detail": self.failure.message, **known}
