"""What the command does with the services, `Client` does, too."""

from functools import reduce
from typing import Any

import click

from fanfold_client.client import Client
from fanfold_client.main import VERBS, cli

BY_VERB = {
    "submit": "submit", "watch": "wait", "status": "jobs.get", "counters": "jobs.get", "jobs": "jobs.first",
    "results": "jobs.parts", "cancel": "jobs.cancel", "priority": "jobs.prioritize", "delete": "jobs.delete",
    "put": "put", "get": "get",
    "ls": "files.list", "rm": "files.remove", "login": "login", "logout": "logout", "whoami": "me",
    "users list": "users.list", "users add": "users.add", "users show": "users.get", "users disable": "users.disable",
    "users enable": "users.enable", "users grant": "users.grant", "users revoke": "users.revoke",
    "sessions list": "sessions.list", "sessions end": "sessions.end", "clients add": "clients.add",
    "clients list": "clients.list", "clients remove": "clients.remove",
    "groups add": "groups.add", "groups list": "groups.list", "groups remove": "groups.remove",
    "tokens create": "tokens.create", "tokens list": "tokens.list", "tokens revoke": "tokens.revoke",
    "passwd": "users.set_password", "delegations list": "delegations.list", "delegations end": "delegations.end",
    "users password": "users.set_password", "users remove": "remove_user", "users clear": "owners.clear",
    **{f"schedule {verb}": f"schedules.{verb}" for verb in ("add", "list", "pause", "resume", "run", "remove")},
    "schedule show": "schedules.get", "webhook show": "webhooks.get", "webhook secret": "webhooks.make_secret",
    "logs": "logs.read", "tasks": "tasks.list", "explain": "tasks.explain", "events": "jobs.events",
    "retry": "jobs.retry", "workflow": "jobs.workflow", "keys list": "keys.list", "keys rotate": "keys.rotate",
}  # fmt: skip
WITHOUT = {"up", "deploy", "undeploy"}
"""Verbs that install services instead of talking to them."""


def test_every_verb_has_a_method() -> None:
    verbs = {verb for verb in names() if verb.partition(" ")[0] not in WITHOUT}
    assert verbs == set(BY_VERB)
    client = Client("http://127.0.0.1:1", auth_url="http://127.0.0.1:2")
    try:
        for path in BY_VERB.values():
            method: Any = reduce(getattr, path.split("."), client)
            assert method.__doc__, path
    finally:
        client.close()


def names() -> set[str]:
    """The verbs of the services, those of groups with their group's name."""
    found = set()
    for section in VERBS.values():
        for name, (place, _) in section.items():
            command = cli.get_command(click.Context(cli), name)
            subcommands = command.commands if isinstance(command, click.Group) else {}
            if place.startswith("fanfold_client"):
                found |= {f"{name} {one}" for one in subcommands} or {name}
    return found
