"""`fanfold rm`."""

from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, say
from fanfold_client.verbs.asking import confirm
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("remote")
@click.option("--yes", is_flag=True, help="Don't ask before a folder is removed.")
@with_client
def rm(client: "Client", remote: str, yes: bool, as_json: bool) -> None:
    """Remove a file or a folder."""
    from fanfold_client.places import remote_path
    from fanfold_client.transfer import remote_files

    path = remote_path(remote)
    files = remote_files(client, path)
    if [file["path"] for file in files] != [path] and not yes:
        confirm(f"Remove {len(files)} files in files:{path}?")
    for file in files:
        client.files.remove(file["path"])
    if as_json:
        result_json({"files": files})
    say(f"{len(files)} file{'s' * (len(files) != 1)} removed")
