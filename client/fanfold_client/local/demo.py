"""`make demo`: start the services, log in, upload, run a job and look at its results, each with its command.

Everything is kept in a temporary folder, which is deleted at the end.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

FANFOLD = [sys.executable, "-m", "fanfold_client"]
FILES, SMALLEST = 150, 20_000
STOP_SECONDS = 10


def main() -> None:
    """Run the demo."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fanfold-demo-") as folder:
        home = Path(folder)
        environ = os.environ | {"XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}
        for name in ("FANFOLD_URL", "FANFOLD_TOKEN", "FANFOLD_PROFILE"):
            environ.pop(name, None)
        texts = gather(home / "texts")
        with services(environ, home) as url:
            play(url, texts, environ, home)
    print(f"\nThat took {time.monotonic() - started:.0f} s. Everything has been stopped and deleted.")
    print(f"To try it yourself: {command()} up --demo")


def play(url: str, texts: Path, environ: dict[str, str], home: Path) -> None:
    """Run the commands that a newcomer would type."""
    shell = Shell(environ, home)
    shell.step("Log in")
    shell.run("login", url, "--user", "guest", "--password-stdin", stdin="password\n", shown=" <<< password")
    shell.step(f"Upload {sum(1 for _ in texts.iterdir())} files of this Python's own library")
    shell.run("put", texts.name, "texts/")
    shell.step("Count their words")
    job = shell.run("submit", "wordcount", "--input", "files:texts/", "--output", "files:counts/", "--watch").strip()
    shell.step("Look at the results")
    shell.run("ls", "files:counts/", echo=True)
    shell.run("results", job, "--stdout", pipe="sort -k2 -rn | head -10", echo=True)


class Shell:
    """Runs `fanfold` as a person would, showing each command first."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._number = 0

    def step(self, title: str) -> None:
        """Start the next step."""
        self._number += 1
        click.secho(f"\n{self._number}. {title}", bold=True)

    def run(self, *words: str, stdin: str = "", shown: str = "", pipe: str = "", echo: bool = False) -> str:
        """Run a command, optionally through a pipe, and return its output. A failure ends the demo."""
        click.secho(f"$ fanfold {shlex.join(words)}{f' | {pipe}' if pipe else shown}", fg="cyan")
        sys.stdout.flush()
        output = self._output([*FANFOLD, *words], stdin.encode())
        if pipe:
            output = self._output(["sh", "-c", pipe], output)
        text = output.decode(errors="replace")  # some of the sources are Latin-1
        if echo:
            print(text, end="", flush=True)
        return text

    def _output(self, command: Sequence[str], stdin: bytes) -> bytes:
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, cwd=self._folder, env=self._environ)
        if done.returncode:
            raise SystemExit(done.returncode)
        return done.stdout


@contextmanager
def services(environ: dict[str, str], home: Path) -> Iterator[str]:
    """Run `fanfold up --demo` on free ports, and stop it at the end; yields the URL of the submit service."""
    click.secho("Start the services", bold=True)
    words = ["up", "--demo", "--port", "0", "--auth-port", "0"]
    click.secho(f"$ fanfold {shlex.join(words)} &", fg="cyan", nl=True)
    command = [*FANFOLD, *words, "--json"]
    log = home / "up.log"
    with log.open("w") as stderr, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environ) as up:
        assert up.stdout
        try:
            line = up.stdout.readline()
            if not line:
                sys.exit(f"the services did not start:\n{log.read_text()}")
            ready = json.loads(line)
            print(f"jobs and files  {ready['url']}\nlogins          {ready['auth_url']}")
            yield ready["url"]
        finally:
            stop(up)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the process, and kill it if it doesn't end."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    process.kill()


def gather(folder: Path) -> Path:
    """A folder of symlinks to text that any machine has: the sources of Python's standard library."""
    folder.mkdir()
    library = Path(sysconfig.get_paths()["stdlib"])
    sources = [path for path in library.rglob("*.py") if path.stat().st_size >= SMALLEST]
    sources = sorted(path for path in sources if "site-packages" not in path.parts)
    for path in sources[:: max(1, len(sources) // FILES)]:
        (folder / "-".join(path.relative_to(library).parts)).symlink_to(path)
    return folder


def command() -> str:
    """How to call `fanfold` in the shell that started the demo, where it may not be on PATH."""
    if shutil.which("fanfold"):
        return "fanfold"
    here, script = Path.cwd(), Path(sys.executable).with_name("fanfold")
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))


if __name__ == "__main__":
    main()
