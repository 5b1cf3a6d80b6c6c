"""A job's code and the wheels of its packages, put where its pods fetch them; or left to the pods' image."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fanfold.definitions.places import folder, has_variable
from fanfold.engines.argo.pods import PodSettings
from fanfold.errors import Refused
from fanfold.planning.compiled import CompiledJob
from fanfold_steps.job.spec import JobSpec
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url, open_objects

CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class PlacedCode:
    """A job's spec, and where its pods find its code; None: in their image, or there is none."""

    spec: JobSpec
    bundle_url: str | None = None
    wheels_url: str | None = None


def code_for(compiled: CompiledJob, bundles: str | None, pods: PodSettings, *, has_image: bool) -> PlacedCode:
    """The job's code, which is put into the folder `bundles` if it isn't there yet.

    Raises:
        Refused: the pods would lack it.
        StorageError: the folder can't be written to.
    """
    spec, bundle = compiled.spec, compiled.bundle
    if bundle is None and compiled.wheels is None:
        return PlacedCode(spec)
    if bundles:
        return _placed(compiled, bundles, pods)
    if not (has_image or spec.image):
        what = "the wheels of the job's packages" if bundle is None else f"the job's code ({_name_of(compiled)})"
        mend = "name a folder for it (--bundles, in Python bundles=…), or an image that contains it (--image, image=…)"
        raise Refused(f"the pods need {what}, which the image of the steps lacks: {mend}")
    if spec.python or spec.files:
        what = "functions that were typed, not saved in a file" if spec.python else "side files"
        raise Refused(
            f"the job has {what}, which no image contains: name a folder for its code (--bundles, in Python bundles=…)"
        )
    return PlacedCode(replace(spec, bundle=None, dependencies=None))


def _placed(compiled: CompiledJob, bundles: str, pods: PodSettings) -> PlacedCode:
    url = folder("the folder of bundles", bundles, pods)
    if has_variable(url):
        raise Refused(f"the folder of bundles {bundles} contains a variable, but the code is put there now: name it")
    store, bundle = open_objects(url), compiled.bundle
    if bundle:
        _put(store, f"{bundle.sha256}.zip", iter([bundle.data]))
    for wheel in compiled.spec.dependencies.wheels if compiled.spec.dependencies and compiled.wheels else ():
        assert compiled.wheels
        _put(store, wheel.sha256, _chunks(compiled.wheels / wheel.sha256))
    bundle_url = join_url(url, f"{bundle.sha256}.zip") if bundle else None
    return PlacedCode(compiled.spec, bundle_url, url if compiled.wheels else None)


def _put(store: Objects, key: str, chunks: Iterator[bytes]) -> None:
    if not any(stat.key == key for stat in store.list(key)):
        store.put(key, chunks)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _name_of(compiled: CompiledJob) -> str:
    """The first of the job's files."""
    assert compiled.bundle
    names = compiled.bundle.names
    return next((name for name in names if name.endswith(".py")), names[0])
