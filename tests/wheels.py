"""Small wheels, built here, and a folder in which uv finds them instead of an index."""

import base64
import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def build_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    requires: Iterable[str] = (),
    tag: str = "py3-none-any",
) -> Path:
    """A wheel with these files, by their paths; by default one module, whose `VERSION` is its version."""
    about = f"{name}-{version}.dist-info"
    contents = dict(files or {f"{name}.py": f"VERSION = {version!r}\n"})
    contents[f"{about}/METADATA"] = "\n".join(
        [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            f"Version: {version}",
            *(f"Requires-Dist: {one}" for one in requires),
            "",
        ]
    )
    contents[f"{about}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    contents[f"{about}/RECORD"] = "".join(map(_recorded, contents.items())) + f"{about}/RECORD,,\n"
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in contents.items():
            wheel.writestr(zipfile.ZipInfo(file, (2026, 1, 1, 0, 0, 0)), text)
    return path


def _recorded(entry: tuple[str, str]) -> str:
    file, text = entry
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{file},sha256={digest},{len(text.encode())}\n"


def only_from(folder: Path, cache: Path) -> dict[str, str]:
    """Environment variables with which packages come from a folder alone, and are kept in a cache of the test's own."""
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "uv.toml").write_text(f'no-index = true\nfind-links = ["{folder}"]\n')
    return {
        "UV_CONFIG_FILE": str(cache / "uv.toml"),
        "UV_CACHE_DIR": str(cache / "uv"),
        "XDG_CACHE_HOME": str(cache),
    }


JOB = """# /// script
# dependencies = ["shout>=1"]
# ///
from fanfold import Job, Sum
from shout import shout

def words(line):
    for word in line.split():
        yield shout(word), 1

job = Job(map=words, reduce=Sum())
if __name__ == "__main__":
    job.main()
"""
SHOUT = {"shout.py": "from marks import MARK\n\ndef shout(text):\n    return text.upper() + MARK\n"}
MARKS = {
    "marks/__init__.py": "from importlib.resources import files\nMARK = (files('marks') / 'mark.txt').read_text()\n",
    "marks/mark.txt": "!",
}


def build_shout(folder: Path) -> Path:
    """The wheels that `JOB` needs: `shout`, and `marks`, which it depends on and which reads a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    build_wheel(folder, "marks", "2.0", MARKS)
    build_wheel(folder, "shout", "1.5", SHOUT, requires=["marks>=2"])
    return folder
