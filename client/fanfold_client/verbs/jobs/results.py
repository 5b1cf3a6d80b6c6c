"""`fanfold results`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import columns, number, quantity, result_json, say, size
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.responses import Part
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Fetch the parts into a new folder.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the parts one after another.")
@click.option("--name", metavar="NAMED", help="A named output of the job.")
@with_client
def results(
    client: "Client", job_id: str, output: Path | None, to_stdout: bool, name: str | None, as_json: bool
) -> None:
    """List, fetch or print a job's results.

    Every part is verified against the checksum that the job recorded. DIR must not exist, or be empty; it appears
    complete or not at all.
    """
    if to_stdout and (output or as_json):
        raise click.UsageError("--stdout can't be combined with --output or --json")
    if to_stdout:
        for chunk in client.read(job_id, name):
            sys.stdout.buffer.write(chunk)
        return
    parts = client.fetch(job_id, output, name, quiet=as_json) if output else client.jobs.parts(job_id, name)
    if output:
        total = sum(part["bytes"] for part in parts)
        say(f"{quantity(len(parts), 'part')}, {size(total)}, in {output}")
    if as_json:
        result_json({"id": job_id, "parts": parts, **({"output": str(output)} if output else {})})
    elif not output:
        columns([_row(part) for part in parts])


def _row(part: "Part") -> tuple[str, str, str, str]:
    return (
        part["name"],
        quantity(part["records"], "record", number(part["records"])),
        size(part["bytes"]),
        f"sha256 {part['sha256']}",
    )
