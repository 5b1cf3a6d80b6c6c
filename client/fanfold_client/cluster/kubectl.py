"""kubectl, by which Fanfold is installed: it can log in to every kind of cluster, and includes kustomize.

Its failures become the command's own errors, which say what to do.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from fanfold_client.api.problems import Away, ClientError, Conflict, NotAllowed, NotFound, Refused

REQUEST_TIMEOUT = 20

_ERRORS: tuple[tuple[tuple[str, ...], type[ClientError], str], ...] = (
    (
        ("provided port is already allocated",),
        Conflict,
        "Another Service uses that NodePort, perhaps of another Fanfold installation: deploy with --no-nodeports.",
    ),
    (
        ("field is immutable", "updates to statefulset spec"),
        Conflict,
        "The installation differs in fields that can't be changed: run `fanfold undeploy` first; data is kept.",
    ),
    (
        ("(Forbidden)", "(Unauthorized)", "must be logged in"),
        NotAllowed,
        "Select an account that may do this with --context or --kubeconfig.",
    ),
    (
        ("no configuration has been provided", "current-context is not set", "localhost:8080"),
        Away,
        "No cluster is configured: start one (`minikube start`), or select one with --context or --kubeconfig.",
    ),
    (
        ("was refused", "connection refused", "Unable to connect", "no such host", "timeout", "timed out", "EOF"),
        Away,
        "No response from the cluster: is it running (`minikube status`), and is --context correct?",
    ),
    (("(NotFound)", "does not exist", "not found"), NotFound, ""),
    (("(AlreadyExists)", "(Conflict)"), Conflict, "Somebody else changed it at the same time: try again."),
)
"""Texts in kubectl's error messages, the error that they mean, and advice; the first match counts."""


class CommandEnded(ClientError):
    """A command inside a pod exited with a status of its own."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Kubectl:
    """kubectl on one cluster and one namespace."""

    namespace: str
    """Empty: that of each object."""
    context: str | None = None
    kubeconfig: str | None = None

    def run(self, *words: str, stdin: str | None = None, seconds: float = 120) -> str:
        """The output of `kubectl WORDS`.

        Raises:
            ClientError: it failed; the class says why.
        """
        process = self._start(words, stdin, seconds)
        if process.returncode == 0:
            return process.stdout
        if words[0] == "exec" and "command terminated with exit code" in process.stderr:
            raise CommandEnded(_first_lines(process.stderr), process.returncode)
        raise explain(process.stderr, f"kubectl {words[0]}")

    def json(self, *words: str) -> dict[str, Any]:
        """The output of `kubectl WORDS -o json`."""
        data: dict[str, Any] = json.loads(self.run(*words, "-o", "json", f"--request-timeout={REQUEST_TIMEOUT}s"))
        return data

    def items(self, *words: str) -> list[dict[str, Any]]:
        """The objects that `kubectl get WORDS` lists."""
        objects: list[dict[str, Any]] = self.json("get", *words)["items"]
        return objects

    def items_if_allowed(self, *words: str) -> list[dict[str, Any]]:
        """Like `items`, but empty without permission. For information that isn't essential."""
        try:
            return self.items(*words)
        except (NotAllowed, NotFound, Refused):
            return []

    def exists(self, kind: str, name: str) -> bool:
        """Whether the object exists."""
        return bool(self.run("get", kind, name, "--ignore-not-found", "-o", "name").strip())

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        text = self.run("get", kind, name, "--ignore-not-found", "-o", "json")
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    @property
    def selection(self) -> dict[str, str]:
        """The options that select the cluster, if any, by name."""
        options = {"context": self.context, "kubeconfig": self.kubeconfig}
        return {name: value for name, value in options.items() if value}

    def command(self, *words: str) -> list[str]:
        """`kubectl WORDS` with the options that select the cluster and the namespace. Raises Refused: no kubectl."""
        program = shutil.which("kubectl")
        if program is None:
            raise Refused("kubectl is not installed; see https://kubernetes.io/docs/tasks/tools/ and try again.")
        where = [f"--namespace={self.namespace}"] if self.namespace else []
        where += [f"--{name}={value}" for name, value in self.selection.items()]
        return [program, *where, *words]

    def _start(self, words: tuple[str, ...], stdin: str | None, seconds: float) -> subprocess.CompletedProcess[str]:
        command = self.command(*words)
        try:
            return subprocess.run(
                command,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Away(
                f"no response to `kubectl {words[0]}` within {seconds:.0f} s: is the cluster overloaded?"
            ) from None


def explain(stderr: str, what: str) -> ClientError:
    """The error that kubectl's message means.

    >>> explain('Error from server (Forbidden): pods is forbidden', 'kubectl get').exit_status
    4
    """
    message = _first_lines(stderr)
    for texts, kind, advice in _ERRORS:
        if any(text in stderr for text in texts):
            return kind(f"{message}\n{advice}".rstrip())
    return Refused(f"`{what}` failed: {message}")


def _first_lines(text: str, most: int = 6) -> str:
    """The first lines, without the warnings and log lines that kubectl may print before them."""
    noise = ("Warning: ", "I1", "E1", "W1")
    lines = [line for line in text.strip().splitlines() if line.strip() and not line.startswith(noise)]
    return "\n".join(lines[:most]) or "no message"
