"""Overlays as `kubectl kustomize` renders them; only rendering, so no cluster is needed."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ARGO = Path(__file__).resolve().parents[2] / "argo"
OVERLAYS = tuple(sorted(path.parent.name for path in (ARGO / "overlays").glob("*/kustomization.yaml")))

Manifest = dict[str, Any]


def render(folder: Path) -> list[Manifest]:
    """Every object that the kustomization of `folder` holds."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@cache
def overlay(name: str) -> tuple[Manifest, ...]:
    """Every object of an overlay."""
    return tuple(render(ARGO / "overlays" / name))


def of_kind(manifests: tuple[Manifest, ...] | list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind, by name."""
    return {item["metadata"]["name"]: item for item in manifests if item["kind"] == kind}


def pod_specs(manifests: tuple[Manifest, ...] | list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Whose pods, and the pods' specification."""
    for item in manifests:
        if "template" in item.get("spec", {}):
            yield f"{item['kind']} {item['metadata']['name']}", item["spec"]["template"]["spec"]


def settings(manifests: tuple[Manifest, ...] | list[Manifest], service: str) -> dict[str, str]:
    """The environment that a service is given by its ConfigMap."""
    found = [item for name, item in of_kind(manifests, "ConfigMap").items() if name.startswith(f"fanfold-{service}-")]
    assert len(found) == 1
    data: dict[str, str] = found[0]["data"]
    return data
