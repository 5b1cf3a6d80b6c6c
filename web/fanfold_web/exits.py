"""Exit statuses of the services' commands: those of the `fanfold` command, as far as a service can end with them."""

from enum import IntEnum


class Exit(IntEnum):
    """What a status means to whoever started the process."""

    DONE = 0
    FAILED = 1
    USAGE = 2  # a setting or an option is missing or makes no sense
    REFUSED = 3  # it can't be done as asked
    CONFLICT = 5
    AWAY = 6  # a store or the engine does not answer
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it
