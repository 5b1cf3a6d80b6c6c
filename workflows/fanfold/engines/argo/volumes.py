"""Volumes and mounts of a job's pods: of the claim, only the data that the job's code may reach."""

from collections.abc import Iterable

from hera.workflows import EmptyDirVolume
from hera.workflows.models import PersistentVolumeClaimVolumeSource, Volume, VolumeMount

from fanfold.engines.argo.pods import PodSettings
from fanfold.planning.areas import Area, minimal
from fanfold_storage.urls import local_path

TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
_DATA = "data"


def volumes(pods: PodSettings) -> list[EmptyDirVolume | Volume]:
    """The claim, a folder for temporary files, and an empty folder that hides the service account's token.

    Kubernetes mounts the token in every container that has nothing mounted at that path. So Argo's own containers
    receive it, and the container that runs the job's code finds an empty folder.
    """
    claim = PersistentVolumeClaimVolumeSource(claim_name=pods.claim) if pods.claim else None
    return [
        EmptyDirVolume(name="tmp", mount_path="/tmp"),  # noqa: S108
        EmptyDirVolume(name="no-token", mount_path=TOKEN_FOLDER, read_only=True),
        *([Volume(name=_DATA, persistent_volume_claim=claim)] if claim else []),
    ]


def mounts(areas: Iterable[Area] | None, pods: PodSettings) -> list[VolumeMount]:
    """The parts of the claim that a job's code may reach, each at its usual path; the whole claim if `areas` is None.

    The kubelet resolves a part of a volume (`subPath`), and no path inside the pod leads out of it.
    """
    if not pods.claim:
        return []
    if areas is None:
        return [VolumeMount(name=_DATA, mount_path=pods.mount)]
    return [_mount(area, pods.mount) for area in minimal(areas) if area.is_on_disk]


def _mount(area: Area, mount: str) -> VolumeMount:
    path = str(local_path(area.url))
    part = path.removeprefix(f"{mount}/")
    return VolumeMount(name=_DATA, mount_path=path, sub_path=part, read_only=None if area.is_writable else True)
