"""Options that many verbs share."""

import functools
from collections.abc import Callable
from typing import Any

import click

Verb = Callable[..., Any]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
profile_option = click.option("--profile", help="Use this login instead of `default` or FANFOLD_PROFILE.")


def with_client(verb: Verb) -> Verb:
    """Give a verb the options `--profile` and `--json`, and pass it an open `client`.

    The client is opened when the verb is called, because it imports the HTTP client.
    """

    @profile_option
    @json_option
    @functools.wraps(verb)
    def verb_with_client(profile: str | None, **arguments: Any) -> Any:
        from fanfold_client.client import Client

        with Client(profile=profile) as client:
            return verb(client=client, **arguments)

    return verb_with_client
