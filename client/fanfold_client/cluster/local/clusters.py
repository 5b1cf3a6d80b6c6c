"""Clusters on this machine, minikube and kind: their nodes get images without a registry, and a demo harms nobody.

Which of them it is, the nodes say: an overlay's name proves nothing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fanfold_client.api.problems import Refused
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.local.images import make_images
from fanfold_client.cluster.local.programs import output_of

Say = Callable[[str], None]
LIBRARY = ("docker.io/library/", "localhost/")
"""What container runtimes put before a name that has no registry."""


# What nodes say becomes part of commands, so it must be no more than a name.
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_KIND = re.compile(rf"kind://(docker|podman|nerdctl)/({_NAME})/({_NAME})")


class LocalCluster(Protocol):
    """A cluster on this machine."""

    @property
    def address(self) -> str | None:
        """Where its NodePorts are; None: at the node's own address."""

    def images(self) -> set[str]:
        """The images that its nodes have, such as `fanfold-auth:0.1.0`. Raises ClientError."""

    def build(self, images: Sequence[str], say: Say) -> None:
        """Build these images of Fanfold's, and put them into its nodes. Raises ClientError."""


@dataclass(frozen=True)
class Minikube:
    """minikube, which builds images inside its node."""

    profile: str
    address: None = None

    def images(self) -> set[str]:
        """By `minikube image ls`."""
        return _names(output_of(["minikube", "--profile", self.profile, "image", "ls"]))

    def build(self, images: Sequence[str], say: Say) -> None:
        """By `make ENGINE=minikube`."""
        make_images(images, ["ENGINE=minikube", f"PROFILE={self.profile}"], say)


@dataclass(frozen=True)
class Kind:
    """kind, whose nodes are containers: docker builds images, and kind loads them."""

    engine: str
    cluster: str
    node: str
    address: str = "127.0.0.1"
    """Where overlays/kind/cluster.yaml publishes the NodePorts."""

    def images(self) -> set[str]:
        """By containerd's own tool, inside the node."""
        ctr = ["ctr", "--namespace=k8s.io", "images", "ls", "--quiet"]
        return _names(output_of([self.engine, "exec", self.node, *ctr]))

    def build(self, images: Sequence[str], say: Say) -> None:
        """By `make`, then `kind load`. Raises Refused: the nodes are another engine's, and kind can't load from it."""
        if self.engine != "docker":
            names = ", ".join(f"docker.io/library/{image}" for image in images)
            raise Refused(
                f"The nodes lack {names}, and kind loads images from docker alone, not from {self.engine}: bring them "
                "into the nodes by hand (`kind load image-archive`), then deploy again."
            )
        make_images(images, ["ENGINE=docker"], say)
        command = ["kind", "load", "docker-image", "--name", self.cluster, *images]
        say(" ".join(command))
        output_of(command, seconds=600)


def find_local_cluster(kubectl: Kubectl) -> LocalCluster | None:
    """The local cluster that kubectl leads to; None if it leads to another one, or may not list nodes."""
    for node in kubectl.items_if_allowed("nodes"):
        profile = node.get("metadata", {}).get("labels", {}).get("minikube.k8s.io/name", "")
        if re.fullmatch(_NAME, profile):
            return Minikube(profile)
        if found := _KIND.fullmatch(node.get("spec", {}).get("providerID", "")):
            return Kind(*found.groups())
    return None


def _names(listing: str) -> set[str]:
    names = set(listing.split())
    return names | {name.removeprefix(prefix) for name in names for prefix in LIBRARY}
