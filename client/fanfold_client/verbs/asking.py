"""Questions to whoever sits at the terminal. Where nobody does, the option that answers them is asked for instead."""

import sys

import click


def ask(question: str, option: str) -> str:
    """A line of text."""
    _need_somebody(option)
    return str(click.prompt(question, err=True))


def ask_password(from_stdin: bool, question: str, *, twice: bool = False) -> str:
    """A password from stdin's first line (`--password-stdin`), or typed unseen."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    _need_somebody("--password-stdin")
    return str(click.prompt(question, hide_input=True, err=True, confirmation_prompt=twice))


def confirm(question: str) -> None:
    """Go on only after a yes. Raises Abort."""
    _need_somebody("--yes")
    click.confirm(question, abort=True, err=True)


def _need_somebody(option: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody can be asked here: say {option}")
