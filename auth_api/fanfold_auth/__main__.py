"""Run the service (`serve`), or work on its records.

`admin` makes an admin, `demo` the users of a demo, `client` a client of the OpenID provider; `password` sets a lost
password, `admins` prints who is admin, and `migrate` brings the records to this version.

The records are those that FANFOLD_AUTH_RECORDS or --records names.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from getpass import getpass

from fanfold_auth.accounts.demo import create_accounts
from fanfold_auth.accounts.migration import migrate
from fanfold_auth.accounts.schema import VERSION
from fanfold_auth.accounts.users import Users
from fanfold_auth.openid.clients import Client, Clients
from fanfold_auth.refusals import NoSuchUser, UserExists, WeakPassword
from fanfold_auth.tokens.api_tokens import ApiTokens
from fanfold_storage.errors import InvalidKey, StorageError, Unsupported
from fanfold_storage.urls import open_records
from fanfold_web.command import BadSetting, CannotServe, Exit, add_address, fail
from fanfold_web.refusals import Refusal

_RECORDS = "FANFOLD_AUTH_RECORDS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit status (see `fanfold_web.command.Exit`)."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except (BadSetting, InvalidKey, Unsupported) as error:
        return _fail(Exit.USAGE, str(error))
    except (UserExists, NoSuchUser) as error:
        return _fail(Exit.CONFLICT, error.detail)
    except Refusal as error:
        return _fail(Exit.REFUSED, error.detail)
    except CannotServe as error:
        return _fail(Exit.REFUSED, str(error))
    except StorageError as error:
        return _fail(
            Exit.AWAY, f"no response from the records: {error}. Is the store running, and does {_RECORDS} name it?"
        )
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanfold_auth", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="serve | admin | admins | password | demo | client | migrate")
    records = argparse.ArgumentParser(add_help=False)
    records.add_argument("--records", metavar="URL", help=f"where users and keys are stored (default: ${_RECORDS})")

    serve = verbs.add_parser("serve", parents=[records], help="serve HTTP; settings come from FANFOLD_AUTH_*")
    add_address(serve, port=1337)
    serve.set_defaults(run=_serve)

    admin = verbs.add_parser("admin", parents=[records], help="make a user with the role admin")
    admin.add_argument("name", metavar="NAME")
    admin.add_argument(
        "--password-stdin", action="store_true", required=True, help="the password is the first line of stdin"
    )
    admin.add_argument("--first", action="store_true", help="only if there is no admin yet; otherwise exit with 5")
    admin.set_defaults(run=_admin)

    admins = verbs.add_parser("admins", parents=[records], help="print the names of those who are admin and enabled")
    admins.set_defaults(run=_admins)

    password = verbs.add_parser(
        "password", parents=[records], help="set a user's password and end their logins; the way back if it is lost"
    )
    password.add_argument("name", metavar="NAME")
    password.add_argument(
        "--password-stdin",
        action="store_true",
        required=True,
        help="the password is the first line of stdin; at a terminal it is asked for, and not shown",
    )
    password.add_argument("--tokens", action="store_true", help="revoke the user's API tokens, too")
    password.set_defaults(run=_password)

    migration = verbs.add_parser(
        "migrate",
        parents=[records],
        help="bring all records to this version, while replicas of it serve; none of an earlier one may be left",
    )
    migration.set_defaults(run=_migrate)

    demo = verbs.add_parser(
        "demo", parents=[records], help="make the users of a demo, whose password everybody knows; print the new ones"
    )
    demo.set_defaults(run=_demo)

    client = verbs.add_parser(
        "client", parents=[records], help="register an application of the OpenID provider, or change a registered one"
    )
    client.add_argument("id", metavar="ID")
    secret = client.add_mutually_exclusive_group(required=True)
    secret.add_argument("--secret-stdin", action="store_true", help="its secret is the first line of stdin")
    secret.add_argument("--public", action="store_true", help="it has no secret, and must use PKCE")
    client.add_argument(
        "--redirect-uri", metavar="URL", action="append", required=True, help="where its users go after logging in"
    )
    client.add_argument(
        "--post-logout-redirect-uri", metavar="URL", action="append", default=[], help="where they go after logging out"
    )
    client.add_argument("--no-pkce", action="store_true", help="it need not use PKCE: Argo's server can't")
    client.add_argument(
        "--plain-http",
        action="store_true",
        help="its URLs may be http elsewhere than on a loopback address: for a cluster on one's own machine",
    )
    client.set_defaults(run=_client)
    return parser


def _admin(options: argparse.Namespace) -> int:
    password = _first_line("password")
    with closing(open_records(_records_url(options))) as records:
        users = Users(records)
        if options.first and (admins := users.admins()):
            return _fail(
                Exit.CONFLICT, f"there is an admin already: {', '.join(admins)}. Leave out --first to add another."
            )
        users.create(options.name, password, ["admin"])
    print(f"Created admin {options.name}.", file=sys.stderr)
    return Exit.DONE


def _admins(options: argparse.Namespace) -> int:
    with closing(open_records(_records_url(options))) as records:
        for name in Users(records).admins():
            print(name)
    return Exit.DONE


def _password(options: argparse.Namespace) -> int:
    password = _first_line("password")
    with closing(open_records(_records_url(options))) as records:
        users = Users(records)
        user, tokens = users.set_password(options.name, password), ApiTokens(records, users)
        if options.tokens:
            tokens.end_all(user.id)
        left = len(tokens.valid(user))
    print(f"Set the password of {user.name}, and ended their logins.", file=sys.stderr)
    if left:
        print(
            f"API tokens that may still act for {user.name}: {left}. Run this with --tokens to revoke them.",
            file=sys.stderr,
        )
    if user.disabled:
        print(
            f"{user.name} is disabled: an admin enables them with `fanfold users enable {user.name}`.", file=sys.stderr
        )
    return Exit.DONE


def _migrate(options: argparse.Namespace) -> int:
    with closing(open_records(_records_url(options))) as records:
        count = migrate(records, Users(records))
    print(f"Users are stored in version {VERSION} now; rewrote {count} of them.", file=sys.stderr)
    return Exit.DONE


def _demo(options: argparse.Namespace) -> int:
    with closing(open_records(_records_url(options))) as records:
        for name in create_accounts(Users(records)):
            print(name)
    return Exit.DONE


def _client(options: argparse.Namespace) -> int:
    secret = None if options.public else _first_line("secret")
    uris = tuple(options.redirect_uri), tuple(options.post_logout_redirect_uri)
    with closing(open_records(_records_url(options))) as records:
        client = Clients(records).put(
            Client(options.id, *uris, pkce=not options.no_pkce), secret, plain_http=options.plain_http
        )
    print(f"Registered client {client.id}.", file=sys.stderr)
    return Exit.DONE


def _serve(options: argparse.Namespace) -> int:
    from fanfold_auth.server import serve  # FastAPI takes a second to load, and `admin` does not need it

    return Exit.DONE if serve(_records_url(options), options.host, options.port) else Exit.FAILED


def _first_line(what: str) -> str:
    """The first line of stdin, which a terminal doesn't show. Raises WeakPassword."""
    if sys.stdin.isatty():
        return getpass(f"{what.capitalize()}: ")
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise WeakPassword(f"The {what} on stdin is not UTF-8.") from error


def _records_url(options: argparse.Namespace) -> str:
    url: str = options.records or os.environ.get(_RECORDS, "")
    if not url:
        raise BadSetting(f"No records: give --records URL or set {_RECORDS}, e.g. sqlite:///var/lib/fanfold/auth.db")
    return url


def _fail(status: Exit, text: str) -> int:
    return fail("fanfold_auth", status, text)


if __name__ == "__main__":
    sys.exit(main())
