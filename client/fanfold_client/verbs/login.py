"""`fanfold login`, `logout` and `whoami`."""

from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result, result_json, say
from fanfold_client.verbs.asking import ask, ask_password
from fanfold_client.verbs.options import json_option, profile_option, with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("url", required=False)
@click.option("--auth-url", help="Where the auth service is, if not where URL says.")
@click.option("--user", help="Your name there; asked for if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, up to the first line's end.")
@profile_option
@json_option
def login(
    url: str | None, auth_url: str | None, user: str | None, password_stdin: bool, profile: str | None, as_json: bool
) -> None:
    """Log in to the services.

    URL is the submit service's, called "jobs and files" where it is started. Left out it is the one of last time: of
    this profile, else of the profile `default`, else http://127.0.0.1:1338. The login is kept for later calls, under
    the name of the profile, until it is ended by `fanfold logout` or unused for a week.
    """
    from fanfold_client.client import Client
    from fanfold_client.credentials import log_in
    from fanfold_client.profiles import Profile, profile_name, save_profile, url_of
    from fanfold_client.session import Session

    url = (url or url_of(profile)).rstrip("/")
    if "://" not in url:
        url = f"http://{url}"
    with Client(url, auth_url=auth_url) as anonymous:
        auth_url = anonymous.auth_url.rstrip("/")
    name = user or ask("Name", "--user NAME")
    chosen = Profile(profile_name(profile), url, auth_url, name)
    tokens = log_in(auth_url, name, ask_password(password_stdin, f"Password of {name}"))
    save_profile(chosen)
    Session(chosen).save(tokens)
    if as_json:
        result_json({"profile": chosen.name, "url": url, "auth_url": auth_url, "user": name})
    say(f"Logged in to {url} as {name}.")


@click.command()
@profile_option
@json_option
def logout(profile: str | None, as_json: bool) -> None:
    """End the login."""
    from fanfold_client.profiles import load_profile
    from fanfold_client.session import Session

    known = load_profile(profile)
    Session(known).end()
    if as_json:
        result_json({"profile": known.name, "url": known.url, "user": known.user})
    say(f"{known.user} is logged out of {known.url}.")


@click.command()
@with_client
def whoami(client: "Client", as_json: bool) -> None:
    """Show who is logged in, and where."""
    me = client.me()
    if as_json:
        result_json({**me, "url": client.url, "auth_url": client.auth_url})
    else:
        result(f"{me['name']} ({', '.join(me['roles']) or 'no role'}) at {client.url}")
