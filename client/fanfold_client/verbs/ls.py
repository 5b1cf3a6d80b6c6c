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
    """
    from fanfold_client.places import remote_path

    found = list(client.files.list(remote_path(remote)))
    if as_json:
        result_json({"items": found})
    else:
        table(("PATH", "SIZE", "MODIFIED"), [(file["path"], size(file["size"]), file["modified"]) for file in found])
