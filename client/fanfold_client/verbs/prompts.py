"""Prompts on the terminal. Without a terminal, the error names the option to use instead."""

import sys
from collections.abc import Sequence

import click


def ask(question: str, option: str) -> str:
    """Prompt for a line of text; `option` replaces the prompt. Raises click.UsageError: there is no terminal."""
    _require_terminal(option)
    return str(click.prompt(question, err=True))


def ask_password(from_stdin: bool, question: str, *, twice: bool = False) -> str:
    """Read a password from the next line of stdin (`--password-stdin`), or prompt for it without echo.

    Raises:
        click.UsageError: there is no terminal.
    """
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    _require_terminal("--password-stdin")
    return str(click.prompt(question, hide_input=True, err=True, confirmation_prompt=twice))


def confirm(question: str) -> None:
    """Ask a yes-or-no question. Raises click.Abort: the answer is no; click.UsageError: there is no terminal."""
    _require_terminal("--yes")
    click.confirm(question, abort=True, err=True)


def choose(question: str, choices: Sequence[str], option: str) -> str:
    """Prompt for one of the choices; `option` replaces the prompt. Raises click.UsageError: there is no terminal."""
    _require_terminal(option)
    return str(click.prompt(question, type=click.Choice(choices), err=True))


def _require_terminal(option: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"no terminal to prompt on; use {option}")
