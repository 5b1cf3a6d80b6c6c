"""From a `submit` command line to the request that it would send: its uploads are done, and nothing is submitted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from fanfold_client.verbs.jobs import submit

if TYPE_CHECKING:
    from fanfold_client.client import Client

VERB = "submit"
WITHOUT_EFFECT = {"key": "--key", "watching": "--watch", "profile": "--profile", "as_json": "--json"}
"""Options of `submit` that say nothing about the job."""


def request_of(client: "Client", words: Sequence[str], *, quiet: bool) -> dict[str, Any]:
    """The body that `fanfold submit …` would send. Uploads go to the client's service.

    Raises:
        UsageError: the words aren't a `submit` command line, or have an option that a schedule can't follow.
        ClientError, Refused, InvalidJob: as `submit`.
    """
    if words[0] != VERB:
        raise click.UsageError(f"after -- comes a command line of `submit`, as in: -- {VERB} wordcount --input texts/")
    with submit.submit.make_context(VERB, list(words[1:])) as context:
        options = dict(context.params)
        for name, option in WITHOUT_EFFECT.items():
            if options.get(name):
                raise click.UsageError(f"{option} goes with a job that is submitted now: leave it out")
        job, own = options["job"], options["own"]
        return submit.request_of(client, job, own, options, quiet=quiet or options["quiet"])
