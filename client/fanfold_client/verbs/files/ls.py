"""`fanfold ls`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import quantity, result_json, say, size, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.responses import File
    from fanfold_client.client import Client


@click.command()
@click.argument("remote", default="")
@click.option("--recursive", "-R", is_flag=True, help="List all files, also those in folders.")
@with_client
def ls(client: "Client", remote: str, recursive: bool, as_json: bool) -> None:
    """List files and folders.

    \b
    fanfold ls                  what lies at the top
    fanfold ls texts/           what lies in a folder
    fanfold ls -R texts/2026-   all files whose paths begin so

    REMOTE is a folder, or how paths begin. A folder's path ends with a slash; its size is that of all files in it, its
    time that of the last one. `@shared/` lists the files that everybody may read. The exit status is 5 if nothing
    matches REMOTE; without REMOTE, an empty list is not an error.
    """
    from fanfold_client.api.problems import NotFound
    from fanfold_client.files.places import remote_path

    path = remote_path(remote)
    found = list(client.files.list(path)) if recursive else _level(client, path)
    if path and not found:
        raise NotFound(f"there are no files at files:{path}; `fanfold ls` lists those that exist")
    if as_json:
        result_json({"items": found})
    elif found:
        table(("PATH", "SIZE", "FILES", "MODIFIED"), [_row(file) for file in found])
    else:
        say("You have no files: fanfold put stores some.")


def _level(client: "Client", path: str) -> "Sequence[File]":
    """What a folder holds or, if none is called that, what begins so."""
    found = list(client.files.level(path))
    if path and [one["path"] for one in found] == [f"{path}/"]:
        return list(client.files.level(f"{path}/"))
    return found


def _row(file: "File") -> tuple[str, str, str, str]:
    files = file.get("files")
    modified = datetime.fromisoformat(file["modified"]).astimezone()
    return file["path"], size(file["size"]), quantity(files, "file") if files else "", f"{modified:%Y-%m-%d %H:%M:%S}"
