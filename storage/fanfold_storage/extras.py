"""How what is missing gets installed: Fanfold's extras, by where its sources lie."""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2]  # of a checkout


def to_install(extra: str) -> str:
    """The command that brings an extra, `pip install '/path/to/fanfold[s3]'`; in a checkout with its own path."""
    sources = _FOLDER if (_FOLDER / "pyproject.toml").is_file() else "/path/to/fanfold"
    return f"pip install '{sources}[{extra}]'"
