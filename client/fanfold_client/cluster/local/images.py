"""Fanfold's own images: which of them an installation uses, and how they are made.

Without a registry in their name they can't be pulled, so they must be on the nodes.
"""

import hashlib
import tomllib
from collections.abc import Callable, Sequence

from fanfold_client.api.problems import Refused
from fanfold_client.cluster.local.programs import run_shown
from fanfold_client.cluster.objects import Object
from fanfold_client.cluster.overlay import manifests

_FIELDS = ("image", "FANFOLD_SUBMIT_STEPS_IMAGE")
"""Of containers, and of submit's settings: the image that jobs run."""


def own_images(objects: Sequence[Object]) -> set[str]:
    """Those that the objects use, such as `fanfold-auth:0.1.0`; not those that a registry has.

    >>> sorted(own_images([{"image": "fanfold-auth:1", "data": {"FANFOLD_SUBMIT_STEPS_IMAGE": "fanfold-steps:1"}}]))
    ['fanfold-auth:1', 'fanfold-steps:1']
    """
    used = {text for item in objects for text in _texts(item)}
    return {text for text in used if text.startswith("fanfold-") and "/" not in text}


def sources_digest() -> str | None:
    """A digest of the files that the images are built from; None if Fanfold wasn't installed from a checkout."""
    checkout = manifests().parent
    if not (checkout / "constraints.txt").is_file():
        return None
    wheel = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    folders = [checkout / package for package in wheel["targets"]["wheel"]["packages"]] + [checkout / "argo/images"]
    files = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    digest = hashlib.sha256()
    for path in sorted([*files, checkout / "constraints.txt", checkout / "pyproject.toml"]):
        if path.is_file():
            digest.update(f"{path.relative_to(checkout).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def make_images(images: Sequence[str], variables: Sequence[str], say: Callable[[str], None]) -> None:
    """Build the images with the checkout's Makefile; `variables` are `make`'s, such as ENGINE=minikube.

    Raises:
        Refused: Fanfold wasn't installed from a checkout.
        ClientError: make failed.
    """
    checkout = manifests().parent
    if not (checkout / "constraints.txt").is_file():
        raise Refused(
            f"The images {', '.join(images)} are missing, and Fanfold is installed without the sources to build them: "
            f"run `make images {' '.join(variables)}` in a checkout, then deploy again."
        )
    targets = [f"image-{image.removeprefix('fanfold-').partition(':')[0]}" for image in images]
    command = ["make", *targets, *variables]
    say(f"{' '.join(command)}   (takes minutes the first time)")
    run_shown(command, checkout, say)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        found = [value[key] for key in _FIELDS if isinstance(value.get(key), str)]
        return found + [text for each in value.values() for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []
