"""Kubernetes objects as JSON has them: those that manifests define, and those that kubectl returns."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Object = dict[str, Any]
OURS = "app.kubernetes.io/part-of=fanfold"
"""The label of everything that belongs to an installation, as a selector."""


def find(objects: Iterable[Object], kind: str, name: str) -> Object | None:
    """The object of that kind and name, or None."""
    return next((item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)), None)


def namespaces(objects: Iterable[Object]) -> list[str]:
    """The namespaces that the objects lie in, in order; without those of the cluster, such as volumes.

    >>> namespaces([{"metadata": {"namespace": "jobs"}}, {"metadata": {}}, {"metadata": {"namespace": "fanfold"}}])
    ['fanfold', 'jobs']
    """
    return sorted({item["metadata"]["namespace"] for item in objects if "namespace" in item["metadata"]})


def workloads(objects: Iterable[Object], namespace: str) -> dict[str, list[str]]:
    """The names of Deployments and StatefulSets by their namespace, which is `namespace` if they name none."""
    found: dict[str, list[str]] = {namespace: []}
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet"):
            found.setdefault(item["metadata"].get("namespace", namespace), []).append(item["metadata"]["name"])
    return found


def uses_secret(objects: list[Object], name: str) -> bool:
    """Whether an object mounts the Secret, or takes environment variables from it."""
    text = json.dumps(objects)
    return f'"name": "{name}"' in text or f'"secretName": "{name}"' in text


def secret(name: str, namespace: str, content: Mapping[str, str], type: str = "Opaque") -> str:
    """A Secret of ours with text by key, as JSON for `kubectl create` or `apply`."""
    metadata = {"name": name, "namespace": namespace, "labels": dict([OURS.split("=")])}
    return json.dumps(
        {"apiVersion": "v1", "kind": "Secret", "type": type, "metadata": metadata, "stringData": dict(content)}
    )
