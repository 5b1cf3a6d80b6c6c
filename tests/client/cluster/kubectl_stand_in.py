"""A kubectl that notes what it is asked and answers as told: for what the command does *with* kubectl.

That kubectl and a cluster then do what is meant is shown by tests/argo, on a real one.
"""

import json
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROGRAM = """#!{python}
import json, re, sys
from pathlib import Path
folder = Path({folder!r})
words = " ".join(sys.argv[1:])
given = "" if sys.stdin.isatty() else sys.stdin.read()
kept = None
if "apply -k" in words:
    top = Path(sys.argv[sys.argv.index("-k") + 1])
    kept = {{str(path.relative_to(top)): json.loads(path.read_text()) for path in top.rglob("kustomization.yaml")}}
    kept["exists"] = all((top / place).exists() for place in kept["kustomization.yaml"]["resources"])
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps({{"words": words, "stdin": given, "kept": kept}}) + "\\n")
for pattern, out, err, code in json.loads((folder / "answers").read_text()):
    if re.search(pattern, words):
        sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(code)
"""


@dataclass(frozen=True)
class Call:
    """One call: its words, its stdin, and the kustomizations that it was to apply."""

    words: str
    stdin: str
    kept: dict[str, Any] | None


class StandIn:
    """The stand-in in a folder that PATH begins with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._answers: list[tuple[str, str, str, int]] = []
        program = folder / "kubectl"
        program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self._write()

    def answer(self, pattern: str, out: object = "", *, error: str = "", status: int = 0) -> None:
        """From now on, answer calls that match so; what isn't text is given as JSON. The last rule counts first."""
        text = out if isinstance(out, str) else json.dumps(out)
        self._answers.insert(0, (pattern, text, error, status or (1 if error else 0)))
        self._write()

    def render(self, *objects: dict[str, Any]) -> None:
        """What `kubectl kustomize` gives."""
        self.answer(" kustomize ", yaml.safe_dump_all(objects))

    def calls(self, pattern: str = "") -> list[Call]:
        """The calls that match, in order."""
        notes = self.folder / "calls"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [call for call in (Call(**json.loads(line)) for line in lines) if re.search(pattern, call.words)]

    def _write(self) -> None:
        (self.folder / "answers").write_text(json.dumps(self._answers))
