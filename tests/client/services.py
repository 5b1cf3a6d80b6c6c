"""`fanfold up` as a process of its own, and the command `fanfold` as users run it."""

import contextlib
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fanfold_client.client import Client
from fanfold_client.main import run
from tests.servers import Server, wait_until

COMMAND = [sys.executable, "-m", "fanfold_client"]
PASSWORD = "correct horse battery"


class Up(Server):
    """Both services on free ports. May be killed, stopped and started again."""

    def __init__(self, folder: Path, *words: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self._said = 0
        command = [*COMMAND, "up", "--json", "--port", "0", "--auth-port", "0", "--data", str(self.data), *words]
        super().__init__(command, folder / "log", {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")})
        self.wait_ready()

    def wait_ready(self) -> dict[str, Any]:
        """Wait for the URLs that this start prints."""

        def look() -> bool:
            lines = [line for line in self._log.read_bytes()[self._said :].splitlines() if line.startswith(b'{"url"')]
            if lines:
                self.ready: dict[str, Any] = json.loads(lines[0])
            return bool(lines)

        wait_until(look, [self])
        return self.ready

    def start(self) -> None:
        """Start it (again); then `wait_ready`."""
        if self._log.exists():
            self._said = self._log.stat().st_size
        super().start()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as a person would; its exit status."""
        self._signal(number)
        assert self._process is not None
        return self._process.wait(20)

    @property
    def url(self) -> str:
        """submit_api's."""
        return str(self.ready["url"])

    @property
    def auth_url(self) -> str:
        """auth_api's."""
        return str(self.ready["auth_url"])


class Typed(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Person:
    """Somebody with a login of their own, kept in a folder of their own."""

    name: str
    home: Path
    up: Up

    @property
    def environ(self) -> dict[str, str]:
        """Variables under which the command is theirs."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FANFOLD_", "XDG_"))}
        return clean | {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CONFIG", "STATE", "DATA")}

    def __call__(
        self, *words: str | Path, stdin: str = "", typed: str | None = None, status: int | None = 0, **variables: str
    ) -> Done:
        """`fanfold WORDS…`, in this process: the imports are paid for once. Somebody may have `typed` something."""
        out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name in [name for name in os.environ if name.startswith(("FANFOLD_", "XDG_"))]:
                patch.delenv(name)
            for name, value in (self.environ | variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin) if typed is None else Typed(typed))
            ended = run([str(word) for word in words])
        done = Done(ended, out.buffer.getvalue(), err.getvalue())
        assert status is None or ended == status, f"fanfold {words} ended with {ended}: {done.stderr}"
        return done

    def spawn(self, *words: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """`fanfold WORDS…` as a process of its own."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.environ}
        return subprocess.Popen([*COMMAND, *map(str, words)], **(pipes | options))

    def login(self) -> None:
        """Log in."""
        self("login", self.up.url, "--user", self.name, "--password-stdin", stdin=f"{PASSWORD}\n")

    @property
    def tokens(self) -> Path:
        """Where the login is kept."""
        return self.home / "state" / "fanfold" / "default.json"


People = Callable[..., Person]


def people(up: Up, folder: Path) -> Iterator[People]:
    """Makes accounts, each with a login."""
    admin = up.ready["user"]
    with Client.login(up.url, admin["name"], admin["password"]) as client:

        def make(*roles: str) -> Person:
            name = f"u{secrets.token_hex(6)}"
            client.users.add(name, PASSWORD, roles or ("submitter",))
            person = Person(name, folder / name, up)
            person.login()
            return person

        yield make


def get_json(url: str) -> Any:
    """The JSON at a URL that needs no token."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)
