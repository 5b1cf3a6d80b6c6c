"""Run the service: `python -m fanfold_submit serve`. Settings come from FANFOLD_SUBMIT_*; S3's from AWS's own names."""

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from fanfold.engines import Engine
from fanfold.engines.protocol import EngineError
from fanfold.pods import PodSettings
from fanfold_storage.errors import InvalidKey, StorageError, Unsupported
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.app import build_app
from fanfold_submit.settings import PREFIX, BadSetting, from_environment, required
from fanfold_web import log, server
from fanfold_web.exits import Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit status is that of design §3."""
    options = _parser().parse_args(arguments)
    log.to_stderr()
    try:
        return _serve(options.host, options.port, os.environ)
    except (BadSetting, InvalidKey, Unsupported) as error:
        return _fail(Exit.USAGE, str(error))
    except (StorageError, EngineError) as error:
        return _fail(Exit.AWAY, str(error))
    except OSError as error:
        return _fail(
            Exit.REFUSED, f"cannot listen on {options.host}:{options.port}: {error.strerror}. Choose another --port."
        )
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _stop(_: int, __: FrameType | None) -> None:
    """Uvicorn has ended by now and raises the signal anew: leave in good order, engine and records closed."""
    raise SystemExit(Exit.DONE)


def open_engine(environ: Mapping[str, str]) -> Engine:
    """The engine that FANFOLD_SUBMIT_ENGINE names. Raises BadSetting."""
    kind = required(environ, "ENGINE", "local or argo")
    if kind == "local":
        from fanfold.engines.local import LocalEngine

        return LocalEngine()
    if kind == "argo":
        pods = PodSettings(
            namespace=required(environ, "NAMESPACE", "the namespace that Workflows are made in"),
            image=required(environ, "STEPS_IMAGE", "the image that workers run"),
            claim=environ.get(f"{PREFIX}CLAIM") or None,
            s3_secret=environ.get(f"{PREFIX}S3_SECRET") or None,
            s3_endpoint=environ.get("AWS_ENDPOINT_URL") or None,
            s3_region=environ.get("AWS_REGION") or None,
        )
        from fanfold.engines.argo import ArgoEngine  # Hera and the Kubernetes client take a second to load

        return ArgoEngine(pods)
    raise BadSetting(f"{PREFIX}ENGINE is {kind!r}: it is local or argo")


def _serve(host: str, port: int, environ: Mapping[str, str]) -> int:
    settings = from_environment(environ)
    store = required(environ, "STORE", "the URL of the objects, such as file:///data/ or s3://fanfold/")
    objects = open_objects(store if store.endswith("/") else f"{store}/")
    with contextlib.ExitStack() as stack:
        records = open_records(required(environ, "RECORDS", "sqlite:///PATH or etcd://HOST:PORT,HOST:PORT"))
        stack.callback(records.close)
        engine = open_engine(environ)
        stack.callback(engine.close)
        listener = stack.enter_context(server.listen(host, port))
        signal.signal(signal.SIGTERM, _stop)
        app = build_app(settings, records, objects, engine)
        return Exit.DONE if server.serve(app, listener, logging.getLogger("fanfold_submit")) else Exit.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanfold_submit", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="serve")
    serve = verbs.add_parser("serve", help="serve HTTP and run jobs")
    serve.add_argument("--host", default="0.0.0.0", help="address to listen on (default: %(default)s)")  # noqa: S104 (a pod is reached from outside)
    serve.add_argument("--port", type=int, default=1338, help="0 lets the system choose (default: %(default)s)")
    return parser


def _fail(status: Exit, text: str) -> int:
    print(f"fanfold_submit: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
