"""How Fanfold's images are made, as far as it shows without a container engine: the commands, and what is installed."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.argo.rendering import ARGO

CHECKOUT = ARGO.parent
VERSION = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
CONTAINERFILE = ARGO / "images/fanfold.Containerfile"


def make(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "-f", "argo/images/Makefile", *words]
    return subprocess.run(
        command, cwd=CHECKOUT, env=os.environ | environ, capture_output=True, text=True, timeout=300
    )  # fmt: skip


def builds(*words: str, **environ: str) -> list[str]:
    """The commands that build an image."""
    done = make("--dry-run", *words, **environ)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if " --tag " in line]


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_every_package_gets_an_image_by_the_engine_that_is_named(engine):
    assert builds("images", f"ENGINE={engine}") == [
        f"{engine} build --build-arg PACKAGE={package} --tag fanfold-{package}:{VERSION} "
        "--file build/images/fanfold.Containerfile build/images"
        for package in ("steps", "auth", "submit")
    ]


def test_minikube_builds_in_its_own_store():
    command = builds("images-s3", "ENGINE=minikube", "PROFILE=lab")[-1]
    image = f"--tag fanfold-minio:{VERSION} --file minio.Containerfile build/images"
    assert " ".join(command.split()) == f"minikube --profile lab image build {image}"


def test_the_first_engine_that_is_there_is_taken_and_without_one_it_says_so(tmp_path):
    for tool in ("sed", "sh", "rm", "mkdir", "cp"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}")
    command = ["/usr/bin/make", "--dry-run", "-f", "argo/images/Makefile", "images", "UV=uv"]
    options = {"cwd": CHECKOUT, "env": {"PATH": str(tmp_path)}, "capture_output": True, "text": True}
    alone = subprocess.run(command, **options)  # type: ignore[call-overload]
    assert alone.returncode != 0 and "install docker, podman or buildah" in alone.stderr
    for engine in ("buildah", "podman"):
        (tmp_path / engine).symlink_to("/bin/true")
    assert "\npodman build" in subprocess.run(command, **options).stdout  # type: ignore[call-overload]


@pytest.mark.timeout(400)
def test_what_the_containerfile_installs_is_locked_and_runs(tmp_path):
    """Its own commands, in another place; pip checks every hash."""
    prepared = make(f"IMAGES={tmp_path}", "image-context", f"{tmp_path}/requirements-steps.txt")
    assert prepared.returncode == 0, prepared.stderr
    locked = set(re.findall(r"^(\S+==\S+)", (CHECKOUT / "constraints.txt").read_text(), re.MULTILINE))
    asked = set(re.findall(r"^(\S+==\S+)", (tmp_path / "requirements-steps.txt").read_text(), re.MULTILINE))
    assert asked and asked <= locked
    commands = installing("steps", context=tmp_path, place=tmp_path / "place")
    python = Path(sys.executable).parent
    environ = {**os.environ, "PATH": f"{python}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-ec", commands], env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    helped = subprocess.run([tmp_path / "place/bin/python", "-m", "fanfold_steps", "--help"], cwd=tmp_path)
    assert helped.returncode == 0


def installing(package: str, context: Path, place: Path) -> str:
    """The commands of the Containerfile's build stage."""
    (run,) = re.findall(r"^RUN (.*?)$(?!\n )", CONTAINERFILE.read_text(), re.MULTILINE | re.DOTALL)
    words: str = run.replace("\\\n", " ").replace("/opt/fanfold", str(place)).replace("/build/", f"{context}/")
    return words.replace("${PACKAGE}", package)


def test_images_run_as_a_user_with_a_number():
    for file in (ARGO / "images").glob("*.Containerfile"):
        assert re.findall(r"^USER (.*)$", file.read_text(), re.MULTILINE) == ["8737:8737"]
