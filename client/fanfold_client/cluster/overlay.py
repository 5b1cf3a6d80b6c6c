"""The manifests to apply: an overlay, in a namespace, with the changes that were requested."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from fanfold_client.api.problems import NotFound, Refused
from fanfold_client.cluster.kubectl import Kubectl

NAMESPACE_ANNOTATION = "fanfold.dev/namespace"
"""On a kustomization of several namespaces: that of the services."""
Literals = Mapping[str, Mapping[str, str]]
"""What to add to ConfigMaps that an overlay generates, by their name."""
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True)
class Overlay:
    """A folder with a kustomization."""

    folder: Path
    namespace: str
    """That of the services."""
    names_namespaces: bool = False
    """Whether each of its objects names its namespace, because there are several."""


def manifests() -> Path:
    """The folder `argo`: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(
        (place for place in (package / "argo", package.parents[1] / "argo") if (place / "base").is_dir()),
        package / "argo",
    )


def find_overlay(name: str, storage: str | None, namespace: str | None) -> Overlay:
    """The overlay of that name, or in the folder of that path.

    Args:
        name: a name or a path.
        storage: "s3" selects the overlay NAME-s3, "pvc" the one without this suffix.
        namespace: replaces the overlay's own.

    Raises:
        NotFound: there is no such overlay.
        Refused: neither the overlay nor the caller names a namespace; or the overlay has several, and the caller names
            another.
    """
    folder = _folder(name)
    if storage is not None:
        wanted = folder.name.removesuffix("-s3") + ("-s3" if storage == "s3" else "")
        folder = folder.with_name(wanted)
    kustomization = _kustomization(folder, name)
    annotations = (kustomization.get("metadata") or {}).get("annotations") or {}
    if fixed := annotations.get(NAMESPACE_ANNOTATION):
        if namespace not in (None, fixed):
            raise Refused(
                f"The overlay {name} has namespaces of its own, for services ({fixed}) and for jobs: leave out "
                "--namespace, or change them in a copy of the overlay."
            )
        return Overlay(folder, fixed, names_namespaces=True)
    chosen = namespace or kustomization.get("namespace")
    if not chosen:
        raise Refused(f"The overlay {name} names no namespace: choose one with --namespace.")
    return Overlay(folder, chosen)


def _folder(name: str) -> Path:
    shipped = manifests() / "overlays" / name
    return shipped if os.sep not in name and shipped.is_dir() else Path(name).resolve()


def _kustomization(folder: Path, name: str) -> dict[str, Any]:
    for file in KUSTOMIZATIONS:
        if (folder / file).is_file():
            content: dict[str, Any] = yaml.safe_load((folder / file).read_text(encoding="utf-8")) or {}
            return content
    shipped = sorted(path.name for path in (manifests() / "overlays").glob("*") if path.is_dir())
    raise NotFound(
        f"There is no overlay {name}: {folder} has no kustomization.yaml. "
        f"Name a folder that has one, or one of {', '.join(shipped)}."
    )


@contextmanager
def prepared(overlay: Overlay, kubectl: Kubectl, *, nodeports: bool) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """A folder for `kubectl apply -k` with the overlay in its namespace, and the objects that it defines."""
    if overlay.names_namespaces and not nodeports:
        raise Refused(
            f"The overlay {overlay.folder.name} has namespaces of its own: leave out NodePorts in the overlay."
        )
    with tempfile.TemporaryDirectory(prefix="fanfold-") as temporary:
        folder = Path(temporary).resolve()
        components = [] if nodeports else [manifests() / "components" / "no-nodeports"]
        _write(folder, overlay, components)
        yield folder, _render(kubectl, folder)


def rendered_with(
    kubectl: Kubectl, folder: Path, objects: list[dict[str, Any]], literals: Literals
) -> list[dict[str, Any]]:
    """Have the folder that `prepared` yields add literals to ConfigMaps; returns the objects that it then defines."""
    file = folder / "kustomization.yaml"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["configMapGenerator"] = [
        {
            "name": name,
            # Where the overlay names namespaces itself, kustomize finds a ConfigMap only in its own.
            **({} if "namespace" in content else {"namespace": _namespace_of(name, objects)}),
            "behavior": "merge",
            "literals": [f"{key}={value}" for key, value in given.items()],
        }
        for name, given in literals.items()
    ]
    file.write_text(json.dumps(content), encoding="utf-8")
    return _render(kubectl, folder)


def _namespace_of(config_map: str, objects: list[dict[str, Any]]) -> str | None:
    """The namespace of a ConfigMap, whose name may end with kustomize's hash of its content."""
    for item in objects:
        if item["kind"] == "ConfigMap" and re.fullmatch(f"{config_map}(-[0-9a-z]{{10}})?", item["metadata"]["name"]):
            namespace: str | None = item["metadata"].get("namespace")
            return namespace
    return None


def _render(kubectl: Kubectl, folder: Path) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(kubectl.run("kustomize", str(folder))) if item]


def apply(overlay: Overlay, kubectl: Kubectl, folder: Path, *options: str) -> str:
    """`kubectl apply -k` on the folder that `prepared` yields; returns what it prints."""
    # With a namespace on its command line, kubectl refuses objects of others.
    whose = replace(kubectl, namespace="") if overlay.names_namespaces else kubectl
    return whose.run("apply", "-k", str(folder), *options)


def _write(folder: Path, overlay: Overlay, components: list[Path]) -> None:
    try:  # kustomize rejects absolute paths
        relative = [Path(os.path.relpath(path, folder)).as_posix() for path in (overlay.folder, *components)]
    except ValueError:
        raise Refused(f"{overlay.folder} and {folder} are on different drives: set TMP to a folder there.") from None
    content: dict[str, Any] = {"resources": relative[:1], "components": relative[1:]}
    if not overlay.names_namespaces:
        content["namespace"] = overlay.namespace
    (folder / "kustomization.yaml").write_text(json.dumps(content), encoding="utf-8")
