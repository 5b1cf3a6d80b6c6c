"""`fanfold get`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, say, size
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("remote")
@click.argument("local", type=click.Path(path_type=Path))
@with_client
def get(client: "Client", remote: str, local: Path, as_json: bool) -> None:
    """Download a file or a folder.

    A folder's files come to lie below LOCAL, a file at LOCAL, or in it if it is a folder. What lies there already under
    the same name is replaced. `fanfold results` fetches a job's results and checks them.
    """
    from fanfold.verbs.progress import Display
    from fanfold_client.places import remote_path
    from fanfold_client.transfer import fetch, remote_files

    path = remote_path(remote)
    files = remote_files(client, path)
    base = f"{path.rstrip('/')}/" if path else ""
    if [file["path"] for file in files] == [path]:
        base = path
        local = local / path.rpartition("/")[2] if local.is_dir() else local
    with Display(quiet=as_json) as display:
        fetch(client, files, base, local, display)
    total = sum(file["size"] for file in files)
    if as_json:
        result_json({"files": files, "size": total, "local": str(local)})
    say(f"{len(files)} file{'s' * (len(files) != 1)}, {size(total)}, in {local}")
