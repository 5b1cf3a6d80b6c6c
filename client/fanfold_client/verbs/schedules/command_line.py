"""From a `submit` command line to the request that it would send: its uploads are done, and nothing is submitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from fanfold_client.api.collections import Bundles, Files
from fanfold_client.api.responses import About
from fanfold_client.client import Client
from fanfold_client.verbs.jobs.submit import submit

VERB = "submit"
WITHOUT_EFFECT = {"key": "--key", "watching": "--watch", "profile": "--profile", "as_json": "--json"}
"""Options of `submit` that say nothing about the job."""


def request_of(client: Client, words: Sequence[str], *, quiet: bool) -> dict[str, Any]:
    """The body that `fanfold submit …` would send. Uploads go to the client's service.

    Raises:
        UsageError: the words aren't a `submit` command line, or have an option that a schedule can't follow.
        ClientError, Refused, InvalidJob: as `submit`.
    """
    if words[0] != VERB:
        raise click.UsageError(f"after -- comes a command line of `submit`, as in: -- {VERB} wordcount --input texts/")
    with submit.make_context(VERB, list(words[1:])) as context:
        options = dict(context.params)
        for name, option in WITHOUT_EFFECT.items():
            if options.pop(name, None):
                raise click.UsageError(f"{option} goes with a job that is submitted now: leave it out")
        service = _Recorder(client.files, client.bundles, client)
        verb: Any = submit.callback
        try:
            verb.__wrapped__(client=service, key=None, watching=False, as_json=quiet, **options)
        except _Recorded as recorded:
            return recorded.request
    raise AssertionError("`submit` has submitted nothing")


class _Recorded(Exception):
    """Ends `submit` where it would submit."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__()
        self.request = request


@dataclass(frozen=True, slots=True)
class _Recorder:
    """A submit service that takes uploads, and records the request instead of a job."""

    files: Files
    bundles: Bundles
    client: Client

    @property
    def jobs(self) -> "_Recorder":
        return self

    def about(self) -> About:
        return self.client.about()

    def submit(self, request: dict[str, Any], _key: str | None) -> NoReturn:
        raise _Recorded(request)
