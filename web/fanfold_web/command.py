"""What the services' commands share: exit statuses, why a service cannot start, and where it listens."""

import argparse
import sys
from enum import IntEnum


class Exit(IntEnum):
    """What an exit status means to whoever started the process: the statuses of the `fanfold` command."""

    DONE = 0
    FAILED = 1
    USAGE = 2  # a setting or an option is missing or invalid
    REFUSED = 3  # the request cannot be granted
    CONFLICT = 5
    AWAY = 6  # a store or the engine does not answer
    INTERRUPTED = 130  # 128 + SIGINT, as in shells


class BadSetting(ValueError):
    """A setting is missing or invalid; the text names the variable and says what to give."""


class CannotServe(Exception):
    """The service cannot work as it is set up; the text says how to fix that."""


def add_address(parser: argparse.ArgumentParser, port: int) -> None:
    """Add the options `--host` and `--port`."""
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: %(default)s)")  # noqa: S104 (a pod is reached from outside)
    parser.add_argument("--port", type=_port, default=port, help="0 lets the system choose (default: %(default)s)")


def fail(program: str, status: Exit, text: str) -> int:
    """Print one line that says what went wrong; return the exit status."""
    print(f"{program}: {text}", file=sys.stderr)
    return status


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)
