"""The example notebook runs from its first cell to its last, in a kernel as people use it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.thorough

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(kind, str(tmp_path / kind))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert [cell.outputs for cell in notebook.cells if cell.cell_type == "code"] == [[]] * 5, "clear its outputs"
    folder = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, kernel_name="python3", timeout=60, resources=folder).execute()
    lengths, frame, counters, failed, skipped = (outputs for cell in notebook.cells if (outputs := cell.get("outputs")))
    assert "<th>length</th><th>words</th><th>different</th><th>last</th>" in lengths[-1].data["text/html"]
    assert "map 1/1" in "".join(one.get("text", "") for one in lengths), "its progress"
    assert "shape: (5, 4)" in frame[0].data["text/plain"]
    assert "input_records" in counters[0].data["text/plain"]
    assert 'line 3, in numbers\n    yield "sum", int(word)\n' in failed[0].text
    assert failed[0].text.endswith("\nValueError: invalid literal for int() with base 10: '#'\n")
    assert "the first at byte 0 of glossary.md because the mapper raised ValueError" in skipped[0].text
