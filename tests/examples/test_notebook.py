"""The example notebook runs from its first cell to its last, in a kernel as people use it."""

from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from tests.waiting import poll
from tests.workflows.foreground.test_interrupted import running

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
    assert "map 100% 1/1" in "".join(one.get("text", "") for one in lengths), "its progress"
    assert "shape: (5, 4)" in frame[0].data["text/plain"]
    assert "input_records" in counters[0].data["text/plain"]
    assert 'line 3, in numbers\n    yield "sum", int(word)\n' in failed[0].text
    assert failed[0].text.endswith("\nValueError: invalid literal for int() with base 10: '#'\n")
    assert "the first at byte 0 of glossary.md because the mapper raised ValueError" in skipped[0].text


BUSY = """
import time
from pathlib import Path
from fanfold import Job
def busy(line):
    Path("{folder}/busy").touch()
    time.sleep(1000)
Job(map=busy).run("{folder}/in.txt")
"""


def test_stopping_a_cell_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\n")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "IPYTHONDIR"))
    manager, kernel = start_new_kernel(kernel_name="python3")
    try:
        request = kernel.execute(BUSY.format(folder=tmp_path))
        poll(lambda: (tmp_path / "busy").exists())
        assert running(tmp_path), "workers, whose job lies there"
        manager.interrupt_kernel()
        replies = iter(lambda: kernel.get_shell_msg(timeout=20), None)  # those to greetings come first
        reply = next(one for one in replies if one["parent_header"]["msg_id"] == request)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert running(tmp_path) == []
        assert [path.name for path in (tmp_path / "scratch").iterdir() if path.name.startswith("fanfold")] == []
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
