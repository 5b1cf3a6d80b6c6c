"""`fanfold results`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import columns, number, quantity, result_json, say, size
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.responses import BadRecord, Part
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Fetch the parts into a new folder.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the parts one after another.")
@click.option("--name", metavar="NAMED", help="A named output of the job.")
@click.option("--quarantine", is_flag=True, help="Bad records that the job has skipped, instead of its results.")
@with_client
def results(
    client: "Client", job_id: str, output: Path | None, to_stdout: bool, name: str | None, quarantine: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """List, fetch or print a job's results.

    Every part is verified against the checksum that the job recorded. DIR must not exist, or be empty; it appears
    complete or not at all.

    With --quarantine, DIR gets part-00000.jsonl, which says what was wrong, and records: the bad records as they were,
    which a job can read again, as in --input DIR/records.
    """
    if quarantine:
        if to_stdout or name:
            raise click.UsageError("--quarantine can't be combined with --stdout or --name")
        _show_quarantine(client, job_id, output, as_json=as_json)
        return
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


def _show_quarantine(client: "Client", job_id: str, output: Path | None, *, as_json: bool) -> None:
    if output:
        files = [path.name for path in client.fetch_quarantine(job_id, output)]
        say(f"{', '.join(files)} in {output}" if files else f"Job {job_id} has skipped no records.")
        if as_json:
            result_json({"id": job_id, "files": files, "output": str(output) if files else None})
        return
    bad = list(client.quarantine.list(job_id))
    if as_json:
        result_json({"id": job_id, "items": bad})
    elif bad:
        columns([_place(one) for one in bad])
    else:
        say(f"Job {job_id} has skipped no records.")


def _place(bad: "BadRecord") -> tuple[str, str, str]:
    where = f"{bad['file']}, byte {bad['offset']}" if bad["file"] else bad["step"]
    shown = bad["record"] if bad["key"] is None else f"key {bad['key']}"
    return where, f"{shown:.60}".replace("\n", " "), bad["problem"].replace("\n", " ")


def _row(part: "Part") -> tuple[str, str, str, str]:
    return (
        part["name"],
        quantity(part["records"], "record", number(part["records"])),
        size(part["bytes"]),
        f"sha256 {part['sha256']}",
    )
