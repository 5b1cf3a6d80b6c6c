"""The command's face: help, version, usage errors, and what they cost."""

import json
import re
import subprocess
import sys

import click
import pytest

import fanfold_client
from fanfold.terminal.errors import Exit
from fanfold_client.client import Client
from fanfold_client.main import VERBS, cli
from fanfold_client.main import run as fanfold

PLACES = {name: place for section in VERBS.values() for name, (place, _) in section.items()}
HEAVY = ("httpx", "hera", "pydantic", "fastapi", "kubernetes", "grpc", "asyncio", "fanfold", "fanfold_storage")


def walk(command: click.Command, path: tuple[str, ...]):
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            assert child is not None
            yield from walk(child, (*path, name))


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from fanfold_client.main import run; status = run(['--help']);"
        "print([name for name in sys.argv[1:] if name in sys.modules], file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    assert all(f"  {verb}  " in done.stdout for verb in PLACES)


def test_no_verbs_help_loads_client_or_services():
    code = (
        "import sys; from fanfold_client.main import run; ours, heavy = (words.split() for words in sys.argv[1:]);"
        "print([run([verb, '-h']) for verb in ours], [name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    ours = [verb for verb, place in PLACES.items() if place.startswith("fanfold_client")]
    heavy = [name for name in HEAVY if not name.startswith("fanfold")]
    done = subprocess.run([sys.executable, "-c", code, " ".join(ours), " ".join(heavy)], capture_output=True, text=True)
    assert done.stderr.strip() == f"{[0] * len(ours)} []"


@pytest.mark.parametrize("verb", PLACES)
def test_the_table_says_what_the_verb_says(verb: str):
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    (said,) = [text for section in VERBS.values() for name, (_, text) in section.items() if name == verb]
    assert command.get_short_help_str(limit=100) == said


def test_every_verb_and_option_is_explained():
    for path, command in walk(cli, ("fanfold",)):
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


def test_every_default_that_a_value_has_is_in_the_help():
    for path, command in walk(cli, ("fanfold",)):
        shown = command.get_help(click.Context(command)).replace("\n", " ")
        for option in command.params:
            default = option.default if isinstance(option, click.Option) and not option.is_flag else None
            if isinstance(default, str | int | tuple) and default:
                text = ", ".join(default) if isinstance(default, tuple) else str(default)
                assert f"[default: {text}" in " ".join(shown.split()), (path, option.name)


def test_a_mistyped_verb_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]):
    assert fanfold(["wach", "7f"]) == 2
    assert "Did you mean 'watch'" in capsys.readouterr().err


def test_a_verb_that_is_not_there_yet_is_refused(capsys: pytest.CaptureFixture[str]):
    assert fanfold(["nap", "7f"]) == 2
    assert "No such command 'nap'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["submit"], ["ls", "--nope"], ["results", "7f", "--stdout", "--json"], ["jobs", "--limit", "0"]]
)
def test_wrong_usage_ends_with_2(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("FANFOLD_TOKEN", "any")
    assert fanfold(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("Usage: fanfold")
    assert (json.loads(captured.out)["error"]["status"] if "--json" in words else captured.out) in (2, "")


def test_version(capsys: pytest.CaptureFixture[str]):
    assert fanfold(["--version"]) == 0
    assert capsys.readouterr().out.startswith("fanfold 0.")


def test_every_exit_status_is_in_the_help(capsys: pytest.CaptureFixture[str]):
    assert fanfold(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Exit status:")[2]
    assert {int(number) for number in re.findall(r"\b(\d+) ", listed.partition("FANFOLD_DEBUG")[0])} == set(Exit)


def test_what_the_packages_export():
    fanfold = sys.modules["fanfold"]
    assert all(hasattr(fanfold, name) for name in fanfold.__all__)
    public = {name for name, value in vars(fanfold).items() if isinstance(value, type) or callable(value)}
    assert set(fanfold.__all__) | {"__getattr__"} == public
    assert fanfold.Client is Client
    assert "Client" not in fanfold.__all__  # workers without it import all names of what users import
    assert fanfold_client.__all__ == ["Client"]
    assert fanfold_client.Client is Client
    code = "import fanfold_client, sys; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
