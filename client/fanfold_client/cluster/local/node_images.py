"""See to it that the nodes of a local cluster have Fanfold's images, of the sources as they are now.

All versions of the sources that have one version number build images of one name. So the namespace remembers which
sources the images were built from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.local.clusters import LocalCluster
from fanfold_client.cluster.local.images import own_images, sources_digest
from fanfold_client.cluster.objects import Object

SOURCES = "fanfold.dev/sources"
"""The annotation of the services' namespace: the digest of the sources."""

ImageChoice = Literal["missing", "all", "none"]


@dataclass(frozen=True)
class NodeImages:
    """What was done about the images."""

    are_replaced: bool = False
    """Whether images were built anew that pods may be running."""
    sources: str | None = None
    """The digest of the sources that all of them were built from, if it is known."""

    def remember(self, kubectl: Kubectl) -> None:
        """Note the sources at the namespace, once it exists."""
        if self.sources is not None:
            kubectl.run("annotate", "--overwrite", "namespace", kubectl.namespace, f"{SOURCES}={self.sources}")


def ensure_images(
    kubectl: Kubectl, local: LocalCluster, objects: list[Object], choice: ImageChoice, say: Callable[[str], None]
) -> NodeImages:
    """Build Fanfold's images that the nodes lack, or all of them if that was chosen, or if the sources have changed.

    Args:
        kubectl: the cluster and namespace.
        local: the cluster, to build for.
        objects: the manifests, which say what images they use.
        choice: which images to build.
        say: called with messages about the progress.

    Raises:
        ClientError: an image can't be built.
    """
    used = own_images(objects)
    if choice == "none" or not used:
        return NodeImages()
    namespace = kubectl.find("namespace", kubectl.namespace) or {}
    before, now = namespace.get("metadata", {}).get("annotations", {}).get(SOURCES), sources_digest()
    is_changed = None not in (before, now) and before != now
    missing = used - local.images()
    wanted = used if choice == "all" or is_changed else missing
    if wanted:
        say(f"building {', '.join(sorted(wanted))}{': the sources have changed' if is_changed else ''}")
        local.build(sorted(wanted), say)
    elif before is None:
        say("using the images that are there; --images all builds them anew")
    return NodeImages(wanted > missing, now if wanted == used else before)
