"""`fanfold login`, `logout` and `whoami`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result, result_json, say
from fanfold_client.verbs.options import json_option, profile_option, with_client
from fanfold_client.verbs.prompts import ask, ask_password

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("url", required=False)
@click.option("--auth-url", help="URL of the auth service (default: as the submit service says).")
@click.option("--user", help="Your user name; prompted for if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
@profile_option
@json_option
def login(
    url: str | None, auth_url: str | None, user: str | None, password_stdin: bool, profile: str | None, as_json: bool
) -> None:
    """Log in to the services.

    URL is the URL of the submit service, shown as "jobs and files" when it starts. By default it is the URL of the
    profile's last login, then that of the profile `default`, then http://127.0.0.1:1338. The login is stored under the
    name of the profile, until `fanfold logout` or until it has not been used for a week.
    """
    from fanfold_client.api.profiles import Profile, profile_name, url_of
    from fanfold_client.api.session import store_login
    from fanfold_client.client import Client

    url = (url or url_of(profile)).rstrip("/")
    if "://" not in url:
        url = f"http://{url}"
    with Client(url, auth_url=auth_url) as anonymous:
        auth_url = anonymous.auth_url.rstrip("/")
    name = user or ask("Name", "--user NAME")
    login_profile = Profile(profile_name(profile), url, auth_url, name)
    store_login(login_profile, ask_password(password_stdin, f"Password of {name}"))
    if as_json:
        result_json({"profile": login_profile.name, "url": url, "auth_url": auth_url, "user": name})
    say(f"Logged in to {url} as {name}.")


@click.command()
@profile_option
@json_option
def logout(profile: str | None, as_json: bool) -> None:
    """Log out of the services."""
    from fanfold_client.client import Client

    known = Client.logout(profile)
    if as_json:
        result_json({"profile": known.name, "url": known.url, "user": known.user})
    say(f"Logged out {known.user} from {known.url}.")


@click.command()
@with_client
def whoami(client: "Client", as_json: bool) -> None:
    """Show who is logged in, and where."""
    me = client.me()
    if as_json:
        result_json({**me, "url": client.url, "auth_url": client.auth_url})
    else:
        result(f"{me['name']} ({', '.join(me['roles']) or 'no roles'}) at {client.url}")
