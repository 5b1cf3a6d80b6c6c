"""What a job asks for: the block in its file that scripts have everywhere (PEP 723), or a file of requirements.

Read as text, since the file's own imports need the packages.
"""

import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fanfold.errors import Refused

# As in the specification: https://packaging.python.org/specifications/inline-script-metadata/
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_LARGEST = 4 << 20  # bytes of a file of requirements
# Lines that refer to other files or folders, whose content the text doesn't show.
_ELSEWHERE = re.compile(
    r"(?m)^\s*-(?!-(hash|index-url|extra-index-url|default-index|index|no-index|pre|prefer-binary|only-binary)\b)"
    r"|^\s*[./]|file:|\bpath *=|@ *[./]|\.whl\b"
)


@dataclass(frozen=True, slots=True)
class Requirements:
    """Requirements as somebody wrote them: `file` is a script with a block, or holds nothing but requirements."""

    file: Path
    text: str
    dependencies: tuple[str, ...] | None = None
    """Those of a block; None for a file of requirements."""
    requires_python: str | None = None

    @property
    def is_self_contained(self) -> bool:
        """Whether the same text always asks for the same."""
        return not _ELSEWHERE.search(self.text)

    @property
    def hashes(self) -> frozenset[str]:
        """The SHA-256 (hex) that a lock file demands of its packages; none if it demands none."""
        return frozenset(re.findall(r"--hash[= ]sha256:([0-9a-f]{64})", self.text))


def requirements_of(job: str | None, requirements: str | os.PathLike[str] | None) -> Requirements | None:
    """What a job's file asks for; a file of requirements stands in for the packages in its block. None: nothing.

    Args:
        job: the name of a built-in job, or the path of a file; None for a job that no file holds.
        requirements: the path of a file of requirements, of a lock file with hashes, or of a `pylock.toml`.

    Raises:
        Refused: a file can't be read, or its block isn't valid.
    """
    is_file = job is not None and job.endswith(".py") and Path(job).is_file()
    block = of_script(Path(job)) if job is not None and is_file else None
    if requirements is None:
        return block if block and (block.dependencies or block.requires_python) else None
    if job is not None and not is_file:
        raise Refused(f"--requirements {requirements}: only a job in a Python file imports packages: leave it out")
    asked = Requirements(Path(requirements).absolute(), _read(Path(requirements)))
    return replace(asked, requires_python=block.requires_python) if block else asked


def of_script(script: Path) -> Requirements | None:
    """What a script's block asks for; None if it has none. Raises Refused: it isn't valid."""
    text = _read(script).replace("\r\n", "\n")
    blocks = [match for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        raise Refused(f"{script} has several blocks `# /// script`: keep one")
    content = "".join(
        line[2:] if line.startswith("# ") else line[1:] for line in blocks[0]["content"].splitlines(keepends=True)
    )
    try:
        data = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{script}: the block `# /// script` isn't valid TOML: {error}") from error
    return Requirements(script.absolute(), blocks[0][0], _dependencies(script, data), _requires_python(script, data))


def _dependencies(script: Path, data: dict[str, Any]) -> tuple[str, ...]:
    found = data.get("dependencies", [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Refused(
            f'{script}: dependencies in the block `# /// script` is a list, ["regex>=2024"], not {found!r:.80}'
        )
    for requirement in found:
        _check(script, requirement)
    return tuple(found)


def _check(script: Path, requirement: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(requirement)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        what = f"{requirement!r:.200} in the block `# /// script` isn't a requirement like regex>=2024"
        raise Refused(f"{script}: {what}: {why}") from error


def _requires_python(script: Path, data: dict[str, Any]) -> str | None:
    found: str | None = data.get("requires-python")
    if found is None:
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(found)
    except (InvalidSpecifier, TypeError, AttributeError):
        raise Refused(f'{script}: requires-python in the block `# /// script` is ">=3.11", not {found!r:.80}') from None
    return found


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise Refused(f"{file} has more than {_LARGEST:,} bytes, too many for requirements: check the path")
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"{file} isn't text in UTF-8: check the path") from None
    except OSError as error:
        raise Refused(f"{file} can't be read: {error.strerror}") from error
