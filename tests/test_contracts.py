"""The contracts inside the steps: broken on purpose in a copy, and seen to fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACT = "Inside the steps each package imports only those below it"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The steps and what they stand on, with that contract alone."""
    for package in ("steps/fanfold_steps", "storage/fanfold_storage"):
        shutil.copytree(ROOT / package, tmp_path / Path(package).name, ignore=shutil.ignore_patterns("__pycache__"))
    declared = (ROOT / "pyproject.toml").read_text()
    contract = next(part for part in declared.split("[[tool.importlinter.contracts]]") if CONTRACT in part)
    roots = '[tool.importlinter]\nroot_packages = ["fanfold_steps", "fanfold_storage"]\n'
    (tmp_path / "pyproject.toml").write_text(f"{roots}\n[[tool.importlinter.contracts]]{contract}")
    return tmp_path


def lint(folder: Path) -> tuple[int, str]:
    """The exit status and the words of import-linter, which looks at the copy and not at what is installed."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    found = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    return found.returncode, " ".join(found.stdout.split())


def test_as_it_is_the_contract_is_kept(copy: Path) -> None:
    status, words = lint(copy)
    assert status == 0, words


def test_a_module_in_no_package_is_seen(copy: Path) -> None:
    (copy / "fanfold_steps" / "stray.py").write_text('"""A module without a place."""\n')
    status, words = lint(copy)
    assert status == 1 and "fanfold_steps.stray" in words


@pytest.mark.parametrize(
    ("module", "imported"),
    [("tree/task.py", "worker.claims"), ("columnar/rows.py", "lines.runs"), ("user_code/twins.py", "outputs.to")],
)
def test_an_import_upward_or_sideward_is_seen(copy: Path, module: str, imported: str) -> None:
    path = copy / "fanfold_steps" / module
    path.write_text(f"{path.read_text()}\nimport fanfold_steps.{imported}\n")
    status, words = lint(copy)
    importer = f"fanfold_steps.{module.removesuffix('.py').replace('/', '.')}"
    assert status == 1 and f"{importer} -> fanfold_steps.{imported}" in words


def test_every_package_tells_its_story() -> None:
    packages = [ROOT / "steps/fanfold_steps", *(ROOT / "steps/fanfold_steps").iterdir()]
    stories = {path.name: (path / "__init__.py").read_text() for path in packages if (path / "__init__.py").exists()}
    assert len(stories) > 15
    assert all(story.startswith(('"""', 'r"""')) for story in stories.values())
