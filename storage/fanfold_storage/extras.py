"""How to install what is missing: Fanfold's extras, from its sources."""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2]  # of a checkout


def to_install(extra: str) -> str:
    """The command that installs an extra, `pip install '/path/to/fanfold[s3]'`, with the real path in a checkout."""
    sources = _FOLDER if (_FOLDER / "pyproject.toml").is_file() else "/path/to/fanfold"
    return f"pip install '{sources}[{extra}]'"
