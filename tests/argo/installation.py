"""An installation on the test cluster, used by one person through the NodePorts."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def kubectl(*words: str) -> str:
    """`kubectl WORDS…`; what it printed."""
    done = subprocess.run(["kubectl", *words], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
    return done.stdout


def eventually(look: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.2)
    return found


@dataclass(frozen=True)
class Installation:
    """Where it is, and one person's login."""

    namespace: str
    url: str
    name: str
    password: str
    home: Path
    admin: "Installation | None" = None

    def fanfold(self, *words: str | Path, stdin: str = "", status: int = 0) -> str:
        """`fanfold WORDS…` as this person; what it printed on stdout."""
        done = self.spawn(*words, stdin=subprocess.PIPE)
        out, err = done.communicate(stdin.encode(), timeout=300)
        assert done.returncode == status, f"fanfold {words} ended with {done.returncode}: {err.decode()}"
        return out.decode("utf-8", "surrogateescape")

    def spawn(self, *words: str | Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """`fanfold WORDS…` as this person, in the background."""
        folders = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CONFIG", "STATE", "DATA")}
        command = [sys.executable, "-m", "fanfold_client", *map(str, words)]
        return subprocess.Popen(
            command, env=os.environ | folders, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def login(self) -> None:
        """Log in."""
        self.fanfold("login", self.url, "--user", self.name, "--password-stdin", stdin=f"{self.password}\n")

    def id(self) -> str:
        """The user's id, by which the store knows them."""
        told: str = json.loads(self.fanfold("whoami", "--json"))["id"]
        return told

    def status(self, job: str) -> dict[str, Any]:
        """A job as the service tells it."""
        told: dict[str, Any] = json.loads(self.fanfold("status", job, "--json", status=0))
        return told

    def done(self, job: str, step: str) -> int:
        """How many of a step's tasks are committed."""
        steps = [found for stage in self.status(job)["stages"] for found in stage["steps"]]
        return next((found["done"] for found in steps if found["step"] == step), 0)

    def workflows(self, job: str) -> list[dict[str, Any]]:
        """The job's Workflows as the Argo Server lists them to who may see them."""
        token = kubectl("create", "token", "fanfold-submit", "-n", self.namespace).strip()
        selector = f"listOptions.labelSelector=fanfold.dev/job={job},fanfold.dev/owner={self.name}"
        request = urllib.request.Request(
            f"{os.environ['FANFOLD_ARGO_SERVER']}/api/v1/workflows/{self.namespace}?{selector}",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)["items"] or []
        return found

    def configure(self, setting: str) -> None:
        """Change a setting of the submit service, `NAME=VALUE` or `NAME-`, and wait until all replicas have it."""
        kubectl("set", "env", "deployment/submit", "-n", self.namespace, setting)
        kubectl("rollout", "status", "deployment/submit", "-n", self.namespace, "--timeout=180s")
        replicas = int(kubectl("get", "deployment/submit", "-n", self.namespace, "-o", "jsonpath={.spec.replicas}"))
        # A rollout counts as done while the former replicas still drain, and answer requests.
        eventually(lambda: len(self.pods("app.kubernetes.io/name=submit")) == replicas, "the former replicas are gone")

    def pods(self, selector: str) -> list[str]:
        """Names of running pods."""
        words = ("get", "pods", "-n", self.namespace, "-l", selector, "--field-selector=status.phase=Running")
        return kubectl(*words, "-o", "name").split()

    def etcd(self, key_part: str) -> list[dict[str, Any]]:
        """The records in etcd whose key holds `key_part`, read by etcd's own client inside a member."""
        words = ["etcdctl", "get", "--from-key", "", "--write-out=fields"]
        member = self.pods("app.kubernetes.io/name=etcd")[0]  # perhaps just started anew, after a test killed it
        kubectl("wait", "-n", self.namespace, member, "--for=condition=Ready", "--timeout=120s")
        told = kubectl("exec", "-n", self.namespace, member, "-c", "etcd", "--", *words)
        pairs = [line.partition(" : ")[2] for line in told.splitlines() if line.startswith(('"Key"', '"Value"'))]
        records = zip(pairs[::2], pairs[1::2], strict=True)
        return [json.loads(json.loads(value)) for key, value in records if key_part in key]
