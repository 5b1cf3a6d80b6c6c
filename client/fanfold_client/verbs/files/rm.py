"""`fanfold rm`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import quantity, say_done
from fanfold_client.verbs.options import with_client
from fanfold_client.verbs.prompts import confirm

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("remote")
@click.option("--yes", is_flag=True, help="Remove a folder without asking.")
@with_client
def rm(client: "Client", remote: str, yes: bool, as_json: bool) -> None:
    """Remove a file or a folder."""
    from fanfold_client.files.places import remote_path

    path = remote_path(remote)
    files = client.files.find(path)
    if [file["path"] for file in files] != [path] and not yes:
        confirm(f"Remove {quantity(len(files), 'file')} in files:{path}?")
    for file in files:
        client.files.remove(file["path"])
    say_done(f"{quantity(len(files), 'file')} removed", {"files": files}, as_json=as_json)
