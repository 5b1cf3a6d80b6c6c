"""`fanfold put`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import quantity, say_done, size
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("local", type=click.Path(exists=True, path_type=Path))
@click.argument("remote")
@with_client
def put(client: "Client", local: Path, remote: str, as_json: bool) -> None:
    """Upload a file or a folder.

    \b
    fanfold put texts/ texts/         the files of a folder, below texts/
    fanfold put a.txt texts/          one file into a folder (REMOTE ends with /)
    fanfold put a.txt texts/b.txt     under another name

    Existing files at the same path are replaced.
    """
    from fanfold_client.files.places import remote_path

    stored = client.put(local, remote, quiet=as_json)
    total = sum(file["size"] for file in stored)
    what = f"{quantity(len(stored), 'file')}, {size(total)}, in files:{remote_path(remote)}"
    say_done(what, {"files": stored, "size": total}, as_json=as_json)
