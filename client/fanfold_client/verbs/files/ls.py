"""`fanfold ls`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, size, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("remote", default="")
@with_client
def ls(client: "Client", remote: str, as_json: bool) -> None:
    """List files.

    REMOTE is a prefix of their paths, such as a folder. `@shared/` lists the files that everybody may read.
    The exit status is 5 if no file matches REMOTE; without REMOTE, an empty list is not an error.
    """
    from fanfold_client.api.problems import NotFound
    from fanfold_client.files.places import remote_path

    path = remote_path(remote)
    files = list(client.files.list(path))
    if path and not files:
        raise NotFound(f"there are no files at files:{path}; `fanfold ls` lists those that exist")
    if as_json:
        result_json({"items": files})
    else:
        table(("PATH", "SIZE", "MODIFIED"), [(file["path"], size(file["size"]), file["modified"]) for file in files])
