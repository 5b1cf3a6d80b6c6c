"""Where the pods of a Workflow find a job's code and packages."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from fanfold.definitions.job import defined
from fanfold.errors import Refused
from fanfold.planning.compiled import CompiledJob
from fanfold_steps.definition.begin import begin
from fanfold_steps.definition.definition import Arguments, Definition
from fanfold_steps.job.dependencies import Dependencies, Wheel
from tests.workflows.definitions.variants import NAMED

WHEEL = b"a wheel, for all that rendering knows"


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledJob:
    """A job with a package."""
    sha256 = hashlib.sha256(WHEEL).hexdigest()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / sha256).write_bytes(WHEEL)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_text("a\n")
    job: CompiledJob = replace(NAMED.compile(), wheels=tmp_path / "cache")
    wheel = Wheel("a-1-py3-none-any.whl", sha256, len(WHEEL))
    dependencies = Dependencies(python="3.13", platform="x86_64-manylinux_2_36", wheels=[wheel])
    return replace(job, spec=replace(job.spec, dependencies=dependencies))


def test_wheels_lie_beside_the_code_and_workers_are_told_where(compiled: CompiledJob, tmp_path: Path) -> None:
    code = f"file://{tmp_path}/code/"
    places = {"users": f"file://{tmp_path}/in/", "orders": f"file://{tmp_path}/in/"}
    output = f"file://{tmp_path}/out/"
    job = defined(compiled, places, output, {"claim": f"data:{tmp_path}", "bundles": code})
    assert (tmp_path / "code" / hashlib.sha256(WHEEL).hexdigest()).read_bytes() == WHEEL
    definition = Definition.from_text(job.definition.to_text())
    arguments = Arguments("team/words/uid", "1764000000", [f"{name}={url}" for name, url in places.items()], output)
    conf = begin(definition, arguments, "all-0").conf()
    assert (conf.wheels_url, conf.spec.dependencies) == (code, compiled.spec.dependencies)
    assert conf.bundle_url and conf.bundle_url.startswith(code)


def test_an_image_of_ones_own_brings_the_packages(compiled: CompiledJob) -> None:
    job = defined(compiled, None, None, {"s3_secret": "s", "image": "mine"})
    assert (job.definition.spec.dependencies, job.definition.wheels_url) == (None, None)


def test_the_steps_image_lacks_them(compiled: CompiledJob) -> None:
    with pytest.raises(Refused, match="the pods need the wheels of the job's packages"):
        defined(replace(compiled, bundle=None), None, None, {"s3_secret": "s"})
