"""A namespace for pods without services: its volume is a folder on this machine, which is the node."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS = Path(__file__).parents[2] / "argo/base/steps.yaml"
IMAGE = "lab.local/fanfold-steps:test"


def kubectl(*words: str, stdin: str | None = None) -> str:
    """`kubectl WORDS…`; what it printed."""
    done = subprocess.run(["kubectl", *words], input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Ground:
    """A namespace with a volume that is a folder on this machine."""

    namespace: str
    folder: Path


@contextmanager
def namespace_over(folder: Path) -> Iterator[Ground]:
    """A new namespace, under the `restricted` standard, whose claim `data` is the folder; removed at the end."""
    name = f"engine-{uuid.uuid4().hex[:8]}"
    folder.chmod(0o1777)
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": _volume(name, folder)}))
    kubectl("apply", "--namespace", name, "-f", str(STEPS))
    yield Ground(name, folder)
    kubectl("delete", "namespace", name, "--wait=false")
    kubectl("delete", "persistentvolume", name, "--wait=false")


def _volume(name: str, folder: Path) -> list[dict[str, Any]]:
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                **common,
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": str(folder)},
                "claimRef": {"namespace": name, "name": "data"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": name},
            "spec": {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name},
        },
    ]
