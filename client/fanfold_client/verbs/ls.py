"""`fanfold ls`."""

from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, size, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("remote", default="")
@with_client
def ls(client: "Client", remote: str, as_json: bool) -> None:
    """List files.

    REMOTE is what their paths begin with: a folder, or any beginning. `@shared/` lists what everybody may read.
    The exit status is 5 if there is nothing at REMOTE; without it an empty list is no error.
    """
    from fanfold_client.places import remote_path
    from fanfold_client.problems import NotFound

    path = remote_path(remote)
    found = list(client.files.list(path))
    if path and not found:
        raise NotFound(f"there is nothing at files:{path}: `fanfold ls` lists what there is")
    if as_json:
        result_json({"items": found})
    else:
        table(("PATH", "SIZE", "MODIFIED"), [(file["path"], size(file["size"]), file["modified"]) for file in found])
