"""`python -m tests.cluster`: build, bring up and take down the test cluster, or run a command with it.

build [GROUP…]      make what is missing of the binaries and images (a group: see recipes.py; versitygw is optional)
up                  build, bring the node up; stdout is for `eval`: KUBECONFIG and the rest as `export` lines
load                build Fanfold's images from the checkout anew and give them to the node that is up
status              how the node is; the same `export` lines if it is up
run -- COMMAND…     build, up, COMMAND with that environment, and always down; exits with COMMAND's status
down                take the node down, whatever state it is in
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

from . import host, images, layout, node, teardown
from .build import Cache, build, default_cache
from .locks import NODE_LOCK, turn
from .shell import ClusterError, environment, say

CHECKOUT = Path(__file__).resolve().parents[2]


def main(words: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    options = _parser().parse_args(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _do(options, default_cache())
    except ClusterError as failed:
        say(f"tests.cluster: {failed}")
        return 3
    except KeyboardInterrupt:
        say("Interrupted; nothing of what was being brought up is left.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build").add_argument("groups", nargs="*", metavar="GROUP")
    for verb in ("up", "load", "status", "down"):
        verbs.add_parser(verb)
    verbs.add_parser("run").add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    return parser


def _do(options: argparse.Namespace, cache: Cache) -> int:
    match options.verb:
        case "build":
            _build(cache, options.groups)
        case "up":
            with _node_turn():
                _up(cache)
            print(_exports(cache))
        case "load":
            _load(cache)
        case "status":
            if not node.status(cache):
                return 1
            print(_exports(cache))
        case "down":
            with _node_turn():
                teardown.down()
        case "run":
            return _run(cache, options.command[options.command[:1] == ["--"] :])
    return 0


def _node_turn() -> AbstractContextManager[None]:
    if os.geteuid() != 0:
        raise ClusterError("The node needs root: network links, mounts, containers. Start it with sudo.")
    return turn(NODE_LOCK, "the node")


def _build(cache: Cache, groups: Sequence[str] = ()) -> list[Path]:
    """The named groups, or everything; returns the archives of images, if it is everything."""
    with turn(cache.root / "lock", "the cache"):
        build(cache, groups)
        return [] if groups else [*images.build_programs(cache), images.build_project(cache, CHECKOUT)]


def _up(cache: Cache) -> None:
    """Bring the node up; what a command left that did not live to take it down goes first: we have the turn."""
    if node.is_left_behind():
        say("A node was left half-way by a command that died: taking it down first.")
        teardown.down()
    host.check_free()
    node.up(cache, _build(cache))


def _load(cache: Cache) -> None:
    if not node.is_up():
        raise ClusterError("Bring the node up first: `python -m tests.cluster up`.")
    with turn(cache.root / "lock", "the cache"):
        node.import_archive(images.build_project(cache, CHECKOUT))


def _run(cache: Cache, command: Sequence[str]) -> int:
    """Signals go to the command: it ends in its own time, and then the node goes down."""
    if not command:
        raise ClusterError("Say what to run: `python -m tests.cluster run -- COMMAND…`.")
    with _node_turn():
        _up(cache)
        layout.RUN_MARK.touch()
        try:
            child = subprocess.Popen(command, env={**os.environ, **_variables(cache)})
            _pass_signals_to(child)
            status = child.wait()
        except OSError as failed:
            raise ClusterError(f"{command[0]} can't be started: {failed}.") from failed
        finally:
            teardown.down()
    return 128 - status if status < 0 else status


def _pass_signals_to(child: subprocess.Popen[bytes]) -> None:
    def forward(number: int, _: FrameType | None) -> None:
        from_terminal = number == signal.SIGINT and sys.stdin.isatty()
        if not from_terminal:  # where Ctrl-C has reached the command already
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _variables(cache: Cache) -> dict[str, str]:
    """What a test needs to reach the node."""
    return {
        "KUBECONFIG": str(layout.ADMIN_KUBECONFIG),
        "KUBECACHEDIR": str(layout.ROOT / "kubectl-cache"),
        "FANFOLD_CLUSTER": "1",
        "FANFOLD_CLUSTER_ADDRESS": layout.NODE_ADDRESS,
        "FANFOLD_ARGO_SERVER": layout.ARGO_SERVER,
        "PATH": environment(path=[cache.bin])["PATH"],
    }


def _exports(cache: Cache) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in _variables(cache).items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
