"""Why a job is refused before anything runs."""


class InvalidJob(TypeError):
    """A job can't run as written. The message says which part is wrong and how to fix it."""


class Refused(Exception):
    """The job can't run as requested, and nothing was written. The message says what, where and how to fix it."""


class OutputTaken(Refused):
    """The output exists already."""


class UnknownJob(LookupError):
    """There is no built-in job of that name. The message lists those that exist."""


def on_windows(what: str) -> str:
    """Why something can't be done on native Windows, where no workers run, and what to do instead.

    >>> on_windows("running a job")[:40]
    'running a job needs Linux or macOS: on W'
    """
    return (
        f"{what} needs Linux or macOS: on Windows, do it inside WSL2 (`wsl --install`), or submit the job to a service "
        "with `fanfold submit`"
    )
