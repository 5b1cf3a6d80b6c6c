"""`fanfold up`."""

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import result_json, say
from fanfold_client.verbs.options import json_option

if TYPE_CHECKING:
    from fanfold_client.local.up import Ready

_PORT = click.IntRange(0, 65535)


def _checked(_: click.Context, __: click.Parameter, entries: tuple[str, ...]) -> tuple[str, ...]:
    """The entries unchanged, if they are what an operator's list can have."""
    if entries:
        from fanfold_submit.webhooks.targets import InvalidTarget, Targets

        try:
            Targets(entries)
        except InvalidTarget as error:
            raise click.BadParameter(f"{', '.join(entries)}: {error}") from None
    return entries


@click.command()
@click.option(
    "--demo", is_flag=True, help="With users guest and admin (password: password); deletes all data at the end."
)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Folder for all data.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=_PORT, default=1338, show_default=True, help="Submit service's port; 0: any free one.")
@click.option("--auth-port", type=_PORT, default=1337, show_default=True, help="Auth service's port; 0: any free one.")
@click.option("--expose", is_flag=True, help="Let other machines reach a --host beyond loopback.")
@click.option(
    "--keep-days",
    type=click.FloatRange(0, min_open=True),
    metavar="DAYS",
    help="Remove jobs that ended longer ago. Default: keep all. Code and uploads that no job uses go after 30 days, or "
    "after DAYS if that is less.",
)
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Workers at a time.  [default: the cores]")
@click.option("--workers-each", type=click.IntRange(1), metavar="N", help="Workers at a time for the jobs of one user.")
@click.option(
    "--allow-webhook",
    "webhooks",
    multiple=True,
    callback=_checked,
    metavar="HOST|URL|NETWORK",
    help="A host, or the beginning of a URL, that may be notified when a job has ended. Repeatable.",
)
@json_option
def up(data: Path | None, as_json: bool, **wanted: Any) -> None:
    """Start the services on this machine.

    Jobs run as local processes of yours, and can read and change whatever you can: let only people you trust submit
    any. Ctrl-C stops everything; jobs resume at the next start. The first start creates the
    user `admin` and shows its password once. By default, data is kept in $XDG_DATA_HOME/fanfold
    (~/.local/share/fanfold), or with --demo in a temporary folder.
    """
    from fanfold_client.api.profiles import directory
    from fanfold_client.local.up import Options, serve

    with ExitStack() as stack:
        if data is None and wanted["demo"]:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fanfold-demo-")))
        data = data or directory("DATA", ".local/share")
        serve(Options(data, **wanted), lambda ready: _report(ready, as_json))
    say("Stopped.")


def _report(ready: "Ready", as_json: bool) -> None:
    if as_json:
        result_json({**asdict(ready), "data": str(ready.data)})
        sys.stdout.flush()
    say(f"jobs and files  {ready.url}", bold=True)
    say(f"logins          {ready.auth_url}", bold=True)
    say(f"data            {ready.data}")
    if ready.user:
        say(f"log in          fanfold login {ready.url} --user {ready.user.name}   (password: {ready.user.password})")
    say("Jobs run as you: their code can read and change whatever you can.")
    say("Press Ctrl-C to stop them.", dim=True)
