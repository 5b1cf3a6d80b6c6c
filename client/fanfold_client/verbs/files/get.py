"""`fanfold get`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import quantity, say_done, size
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("remote")
@click.argument("local", type=click.Path(path_type=Path))
@with_client
def get(client: "Client", remote: str, local: Path, as_json: bool) -> None:
    """Download a file or a folder.

    The files of a folder are written below LOCAL. A single file is written to LOCAL, or into it if it is a folder.
    Existing files of the same name are replaced. To fetch and verify a job's results, use `fanfold results`.
    """
    files, local = client.get(remote, local, quiet=as_json)
    total = sum(file["size"] for file in files)
    told = {"files": files, "size": total, "local": str(local)}
    say_done(f"{quantity(len(files), 'file')}, {size(total)}, in {local}", told, as_json=as_json)
