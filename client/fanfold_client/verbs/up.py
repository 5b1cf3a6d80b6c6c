"""`fanfold up`."""

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, say
from fanfold_client.verbs.options import json_option

if TYPE_CHECKING:
    from fanfold_client.up import Ready

_PORT = click.IntRange(0, 65535)


@click.command()
@click.option("--demo", is_flag=True, help="Let in a guest (password: guest), and keep nothing afterwards.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Where all is kept.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=_PORT, default=1338, show_default=True, help="Of the submit service; 0 for a free one.")
@click.option("--auth-port", type=_PORT, default=1337, show_default=True, help="Of the auth service; 0 for a free one.")
@json_option
def up(demo: bool, data: Path | None, host: str, port: int, auth_port: int, as_json: bool) -> None:
    """Start the services on this machine.

    Jobs run as local processes. Ctrl-C stops all; jobs go on at the next start. The first start makes the user `admin`
    and shows the password once. Without --data all lies in $XDG_DATA_HOME/fanfold (~/.local/share/fanfold), with --demo
    in a temporary folder.
    """
    from fanfold_client.profiles import directory
    from fanfold_client.up import Options, serve

    with ExitStack() as stack:
        if data is None and demo:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fanfold-demo-")))
        data = data or directory("DATA", ".local/share")
        serve(Options(data, host, port, auth_port, demo), lambda ready: _tell(ready, as_json))
    say("Stopped.")


def _tell(ready: "Ready", as_json: bool) -> None:
    if as_json:
        result_json({**asdict(ready), "data": str(ready.data)})
        sys.stdout.flush()
    say(f"jobs and files  {ready.url}", bold=True)
    say(f"logins          {ready.auth_url}", bold=True)
    say(f"data            {ready.data}")
    if ready.user:
        say(f"log in          fanfold login {ready.url} --user {ready.user.name}   (password: {ready.user.password})")
    say("Ctrl-C stops them.", dim=True)
