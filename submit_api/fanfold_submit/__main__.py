"""Run the service: `python -m fanfold_submit serve`. Settings come from FANFOLD_SUBMIT_*, those of S3 from AWS_*."""

import argparse
import sys
from collections.abc import Sequence

from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import InvalidKey, StorageError, Unsupported
from fanfold_web.command import BadSetting, CannotServe, Exit, add_address, fail


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit status (see `fanfold_web.command.Exit`)."""
    options = _parser().parse_args(arguments)
    try:
        return _serve(options)
    except (BadSetting, InvalidKey, Unsupported) as error:
        return _fail(Exit.USAGE, str(error))
    except CannotServe as error:
        return _fail(Exit.REFUSED, str(error))
    except (StorageError, EngineError) as error:
        return _fail(Exit.AWAY, str(error))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanfold_submit", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="serve")
    serve = verbs.add_parser("serve", help="serve HTTP and run jobs; settings come from FANFOLD_SUBMIT_*")
    add_address(serve, port=1338)
    return parser


def _serve(options: argparse.Namespace) -> int:
    from fanfold_submit.server import serve  # FastAPI takes a second to load, and `--help` does not need it

    return Exit.DONE if serve(options.host, options.port) else Exit.FAILED


def _fail(status: Exit, text: str) -> int:
    return fail("fanfold_submit", status, text)


if __name__ == "__main__":
    sys.exit(main())
