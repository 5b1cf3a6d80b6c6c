"""Which manifests are applied: an overlay, for the namespace and with the changes that were asked for."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.problems import NotFound, Refused

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True)
class Overlay:
    """A folder with a kustomization."""

    folder: Path
    namespace: str


def manifests() -> Path:
    """The folder `argo`: inside the package when it is installed, at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(
        (place for place in (package / "argo", package.parents[1] / "argo") if (place / "base").is_dir()),
        package / "argo",
    )


def find_overlay(name: str, storage: str | None, namespace: str | None) -> Overlay:
    """The overlay called so, or the one in the folder of that path; its S3 sibling is called NAME-s3.

    Raises:
        NotFound: there is none.
        Refused: it names no namespace and neither does the caller.
    """
    folder = _folder(name)
    if storage is not None:
        wanted = folder.name.removesuffix("-s3") + ("-s3" if storage == "s3" else "")
        folder = folder.with_name(wanted)
    given = _kustomization(folder, name)
    chosen = namespace or given.get("namespace")
    if not chosen:
        raise Refused(f"The overlay {name} names no namespace: choose one by --namespace.")
    return Overlay(folder, chosen)


def _folder(name: str) -> Path:
    shipped = manifests() / "overlays" / name
    return shipped if os.sep not in name and shipped.is_dir() else Path(name).resolve()


def _kustomization(folder: Path, name: str) -> dict[str, Any]:
    for file in KUSTOMIZATIONS:
        if (folder / file).is_file():
            found: dict[str, Any] = yaml.safe_load((folder / file).read_text(encoding="utf-8")) or {}
            return found
    shipped = sorted(path.name for path in (manifests() / "overlays").glob("*") if path.is_dir())
    raise NotFound(
        f"There is no overlay {name}: {folder} holds no kustomization.yaml. "
        f"Give a folder that does, or one of {', '.join(shipped)}."
    )


@contextmanager
def prepared(overlay: Overlay, kubectl: Kubectl, *, nodeports: bool) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """A folder for `kubectl apply -k` with the overlay in its namespace, and the objects that it holds."""
    with tempfile.TemporaryDirectory(prefix="fanfold-") as temporary:
        folder = Path(temporary).resolve()
        components = [] if nodeports else [manifests() / "components" / "no-nodeports"]
        _write(folder, overlay, components)
        yield folder, [item for item in yaml.safe_load_all(kubectl.run("kustomize", str(folder))) if item]


def _write(folder: Path, overlay: Overlay, components: list[Path]) -> None:
    try:  # kustomize takes no absolute paths
        relative = [Path(os.path.relpath(path, folder)).as_posix() for path in (overlay.folder, *components)]
    except ValueError:
        raise Refused(f"{overlay.folder} and {folder} are on different drives: set TMP to a folder there.") from None
    content = {"namespace": overlay.namespace, "resources": relative[:1], "components": relative[1:]}
    (folder / "kustomization.yaml").write_text(json.dumps(content), encoding="utf-8")
