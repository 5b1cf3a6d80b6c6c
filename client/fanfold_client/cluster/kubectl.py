"""kubectl, which Fanfold installs with: it knows how to log in everywhere, and kustomize is part of it.

Its failures become the command's own errors, with what to do about them.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from fanfold_client.problems import Away, ClientError, Conflict, NotAllowed, NotFound, Refused

REQUEST_TIMEOUT = 20

_SIGNS: tuple[tuple[tuple[str, ...], type[ClientError], str], ...] = (
    (
        ("provided port is already allocated",),
        Conflict,
        "Another Service has that NodePort, perhaps another installation of Fanfold: deploy with --no-nodeports.",
    ),
    (
        ("field is immutable", "updates to statefulset spec"),
        Conflict,
        "What is installed differs where Kubernetes allows no change: run `fanfold undeploy` (data is kept) first.",
    ),
    (
        ("(Forbidden)", "(Unauthorized)", "must be logged in"),
        NotAllowed,
        "Use an account that may do this: --context or --kubeconfig choose it.",
    ),
    (
        ("no configuration has been provided", "current-context is not set", "localhost:8080"),
        Away,
        "No cluster is configured: start one (`minikube start`), or name one by --context or --kubeconfig.",
    ),
    (
        ("was refused", "connection refused", "Unable to connect", "no such host", "timeout", "timed out", "EOF"),
        Away,
        "The cluster doesn't answer: is it running (`minikube status`), and is it the right --context?",
    ),
    (("(NotFound)", "does not exist", "not found"), NotFound, ""),
    (("(AlreadyExists)", "(Conflict)"), Conflict, "Somebody else changed it at the same time: try again."),
)
"""What kubectl says when it fails → the error that this is, and what helps; the first that fits."""


class CommandEnded(ClientError):
    """A command inside a pod ended with a status of its own."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Kubectl:
    """kubectl on one cluster and one namespace."""

    namespace: str
    context: str | None = None
    kubeconfig: str | None = None

    def run(self, *words: str, stdin: str | None = None, seconds: float = 120) -> str:
        """What `kubectl WORDS` prints.

        Raises:
            ClientError: it failed; the kind says why.
        """
        done = self._start(words, stdin, seconds)
        if done.returncode == 0:
            return done.stdout
        if words[0] == "exec" and "command terminated with exit code" in done.stderr:
            raise CommandEnded(_first_lines(done.stderr), done.returncode)
        raise explain(done.stderr, f"kubectl {words[0]}")

    def json(self, *words: str) -> dict[str, Any]:
        """What `kubectl WORDS -o json` answers."""
        found: dict[str, Any] = json.loads(self.run(*words, "-o", "json", f"--request-timeout={REQUEST_TIMEOUT}s"))
        return found

    def items(self, *words: str) -> list[dict[str, Any]]:
        """The objects that `kubectl get WORDS` lists."""
        found: list[dict[str, Any]] = self.json("get", *words)["items"]
        return found

    def items_if_allowed(self, *words: str) -> list[dict[str, Any]]:
        """As `items`; nothing where one may not look. For what is good to know and not needed."""
        try:
            return self.items(*words)
        except (NotAllowed, NotFound, Refused):
            return []

    def exists(self, kind: str, name: str) -> bool:
        """Whether there is such an object."""
        return bool(self.run("get", kind, name, "--ignore-not-found", "-o", "name").strip())

    def _start(self, words: tuple[str, ...], stdin: str | None, seconds: float) -> subprocess.CompletedProcess[str]:
        program = shutil.which("kubectl")
        if program is None:
            raise Refused("kubectl is missing: install it (https://kubernetes.io/docs/tasks/tools/) and try again.")
        where = [f"--namespace={self.namespace}"]
        where += [f"--context={self.context}"] if self.context else []
        where += [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        try:
            return subprocess.run(
                [program, *where, *words],
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
                f"`kubectl {words[0]}` gave no answer within {seconds:.0f} s: is the cluster overloaded?"
            ) from None


def explain(stderr: str, what: str) -> ClientError:
    """The error that kubectl's words stand for.

    >>> explain('Error from server (Forbidden): pods is forbidden', 'kubectl get').exit_status
    4
    """
    said = _first_lines(stderr)
    for signs, kind, advice in _SIGNS:
        if any(sign in stderr for sign in signs):
            return kind(f"{said}\n{advice}".rstrip())
    return Refused(f"`{what}` failed: {said}")


def _first_lines(text: str, most: int = 6) -> str:
    """Without warnings and log lines, of which kubectl may write many before it says what is wrong."""
    noise = ("Warning: ", "I1", "E1", "W1")
    lines = [line for line in text.strip().splitlines() if line.strip() and not line.startswith(noise)]
    return "\n".join(lines[:most]) or "it said nothing"
