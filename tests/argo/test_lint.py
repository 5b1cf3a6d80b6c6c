"""Argo's own linter has nothing to say about the Workflows we render."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflows.definitions.variants import VARIANTS

GOLDEN = Path(__file__).parents[1] / "workflows/engines/golden"
EXAMPLES = Path(__file__).parents[2] / "examples/hera"


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    argo = shutil.which("argo")
    assert argo, (
        "there is no `argo` in PATH: run `python -m tests.cluster build`, then this through `make test-cluster`"
    )
    return subprocess.run([argo, "lint", "--offline", file], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("file", sorted([*GOLDEN.glob("*.yaml"), *EXAMPLES.glob("*.yaml")]), ids=lambda file: file.stem)
def test_a_rendered_workflow_is_clean(file):
    linted = lint(file)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_linter_would_find_a_mistake(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((GOLDEN / "one-pod.yaml").read_text().replace("entrypoint: worker", "entrypoint: wroker"))
    assert lint(wrong).returncode != 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_workflow_that_plans_itself_is_clean(variant, tmp_path):
    file = tmp_path / "workflow.yaml"
    file.write_text(VARIANTS[variant]().to_yaml())
    linted = lint(file)
    assert linted.returncode == 0, linted.stdout + linted.stderr
