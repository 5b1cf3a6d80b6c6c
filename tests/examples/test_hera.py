"""The examples of Workflows: each is what its file for Git says, and gives the bytes of `fanfold run`.

FANFOLD_WRITE_GOLDEN=1 writes the files anew: look at the difference before committing it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers import S3Server
from tests.workflows.definitions.argo_stand_in import ArgoStandIn

pytestmark = pytest.mark.thorough

FOLDER = Path(__file__).parents[2] / "examples" / "hera"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")


def rendered(example: str, **environ: str) -> str:
    """What the example prints."""
    command = [sys.executable, str(FOLDER / f"{example}.py")]
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_bytecode(text: str) -> str:
    """The text without what depends on the version of Python with which it was rendered."""
    return re.sub(r'"identities":\{.*?\}\},"resources"', '"resources"', text)


@pytest.mark.parametrize("example", ["pipeline", "template", "nightly", "days"])
def test_an_example_is_what_its_file_says(example: str, seaweedfs_server: S3Server) -> None:
    text = rendered(example, **seaweedfs_server.environ)
    file = FOLDER / f"{example}.yaml"
    if os.environ.get("FANFOLD_WRITE_GOLDEN"):
        file.write_text(text)
    assert without_bytecode(text) == without_bytecode(file.read_text())


def test_every_file_is_compared() -> None:
    assert EXAMPLES == ["days", "nightly", "pipeline", "template"]


def write_logs(folder: Path) -> None:
    """Logs of some days."""
    for number, day in enumerate(DAYS):
        (folder / day).mkdir(parents=True)
        lines = [f"{day} /page{n * (number + 3) % 11} {(200, 404, 301)[n % 3]}\n" for n in range(500)]
        (folder / day / "access.log").write_text("".join(lines))


def as_run(job: str, place: Path, output: Path, *words: str) -> dict[str, bytes]:
    """The parts that `fanfold run` writes."""
    command = [sys.executable, "-m", "fanfold_client", "run", str(FOLDER / f"{job}.py"), "--quiet", *words]
    subprocess.run([*command, "--input", str(place), "--output", str(output)], check=True, timeout=60)
    return parts(output)


def parts(folder: Path) -> dict[str, bytes]:
    """The parts of an output, by name."""
    return {path.name: path.read_bytes() for path in folder.glob("part-*")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that stands for the claim's volume."""
    write_logs(tmp_path / "logs")
    return tmp_path


def submitted(
    root: Path, example: str, values: dict[str, str] | None = None, known: dict[str, str] | None = None
) -> ArgoStandIn:
    """The example, as Argo has run it with some values; it knows some more variables."""
    manifest: dict[str, Any] = yaml.safe_load(rendered(example, ROOT=f"file://{root}/", CLAIM=f"data:{root}"))
    argo = ArgoStandIn(manifest, values or {}, globals=known or {})
    assert argo.run(), argo.printed
    return argo


def test_the_pipeline(root: Path) -> None:
    uid = submitted(root, "pipeline").globals["workflow.uid"]
    counted = as_run("visits", root / "logs", root / "here", "--partitions", "2")
    assert parts(root / "pipeline" / uid / "counts") == counted
    ranked = as_run("ranking", root / "here", root / "here-ranked", "--param", "least=2")
    assert parts(root / "pipeline" / uid / "ranking") == ranked


def test_the_template(root: Path) -> None:
    for number in range(3):
        values = {"input": f"file://{root}/logs/", "output": f"file://{root}/out-{number}", "workers": str(1 + number)}
        submitted(root, "template", values)
    counted = as_run("visits", root / "logs", root / "here")
    assert parts(root / "out-0") == parts(root / "out-1") == parts(root / "out-2") == counted


def test_the_night(root: Path) -> None:
    submitted(root, "nightly", known={"workflow.scheduledTime": "2026-11-30T02:00:00Z"})
    counted = as_run("visits", root / "logs", root / "here")
    assert parts(root / "nightly/2026-11-30T02:00:00Z") == counted


def test_the_days(root: Path) -> None:
    uid = submitted(root, "days").globals["workflow.uid"]
    for day in DAYS:
        assert parts(root / "days" / uid / day) == as_run("visits", root / "logs" / day, root / f"here-{day}")
