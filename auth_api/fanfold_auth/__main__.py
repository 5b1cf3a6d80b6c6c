"""Run the service (`serve`) or make an admin (`admin`), on the records that FANFOLD_AUTH_RECORDS or --records names."""

import argparse
import os
import sys
from collections.abc import Sequence

from fanfold_auth.errors import CannotServe, Refused, UserExists, WeakPassword
from fanfold_auth.settings import BadSetting, from_environment
from fanfold_auth.users import Users
from fanfold_storage.errors import InvalidKey, StorageError
from fanfold_storage.records.protocol import Records
from fanfold_storage.urls import open_records
from fanfold_web.exits import Exit

_RECORDS = "FANFOLD_AUTH_RECORDS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit status is that of design §3."""
    options = _parser().parse_args(arguments)
    try:
        run: int = options.run(options)
        return run
    except (BadSetting, InvalidKey) as error:
        return _fail(Exit.USAGE, str(error))
    except UserExists as error:
        return _fail(Exit.CONFLICT, error.detail)
    except Refused as error:
        return _fail(Exit.REFUSED, error.detail)
    except CannotServe as error:
        return _fail(Exit.REFUSED, str(error))
    except StorageError as error:
        return _fail(Exit.AWAY, f"the records do not answer: {error}. Does the store run, and does {_RECORDS} name it?")
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanfold_auth", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="serve | admin")
    records = argparse.ArgumentParser(add_help=False)
    records.add_argument("--records", metavar="URL", help=f"where users and keys lie (default: ${_RECORDS})")

    serve = verbs.add_parser("serve", parents=[records], help="serve HTTP; settings come from FANFOLD_AUTH_*")
    serve.add_argument("--host", default="0.0.0.0", help="address to listen on (default: %(default)s)")  # noqa: S104 (a pod is reached from outside)
    serve.add_argument("--port", type=_port, default=1337, help="0 lets the system choose (default: %(default)s)")
    serve.set_defaults(run=_serve)

    admin = verbs.add_parser("admin", parents=[records], help="make a user with the role admin")
    admin.add_argument("name", metavar="NAME")
    admin.add_argument(
        "--password-stdin", action="store_true", required=True, help="the password is the first line of stdin"
    )
    admin.add_argument("--first", action="store_true", help="only if there is no admin yet; otherwise exit with 5")
    admin.set_defaults(run=_admin)
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)


def _admin(options: argparse.Namespace) -> int:
    password = _password_from_stdin()
    records = _open(options)
    try:
        users = Users(records)
        if options.first and (admins := users.admins()):
            return _fail(Exit.CONFLICT, f"an admin is there: {', '.join(admins)}. Leave --first out to add one.")
        users.create(options.name, password, ["admin"])
    finally:
        records.close()
    print(f"{options.name} is an admin now.", file=sys.stderr)
    return Exit.DONE


def _password_from_stdin() -> str:
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise WeakPassword("The password on stdin is not UTF-8.") from error


def _serve(options: argparse.Namespace) -> int:
    from fanfold_auth.server import serve  # FastAPI takes a second to load, and `admin` needs none of it

    settings = from_environment(os.environ)
    records = _open(options)
    try:
        return Exit.DONE if serve(settings, records, options.host, options.port) else Exit.FAILED
    finally:
        records.close()


def _open(options: argparse.Namespace) -> Records:
    url = options.records or os.environ.get(_RECORDS)
    if not url:
        raise BadSetting(f"No records: give --records URL or set {_RECORDS}, e.g. sqlite:///var/lib/fanfold/auth.db")
    return open_records(url)


def _fail(status: Exit, text: str) -> int:
    print(f"fanfold_auth: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
