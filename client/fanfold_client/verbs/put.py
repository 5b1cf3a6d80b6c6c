"""`fanfold put`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, say, size
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

    What lies there already under the same path is replaced.
    """
    from fanfold.verbs.progress import Display
    from fanfold_client.places import remote_path
    from fanfold_client.transfer import local_files, upload

    with Display(quiet=as_json) as display:
        stored = upload(client, local_files(local, remote_path(remote)), display)
    total = sum(file["size"] for file in stored)
    if as_json:
        result_json({"files": stored, "size": total})
    say(f"{len(stored)} file{'s' * (len(stored) != 1)}, {size(total)}, in files:{remote_path(remote)}")
