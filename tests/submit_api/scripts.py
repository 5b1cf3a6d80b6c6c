"""Jobs of a user's own code, submitted over HTTP: they note what they do, and fail until they are let through."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fanfold.planning.compiled import CompiledJob
from fanfold.resolve import resolve
from tests.submit_api.conftest import User

CODE = """
from pathlib import Path
from fanfold import Job

HERE = Path({here!r})

def note(what):
    with (HERE / "log").open("a") as log:
        print(what, file=log)
    if what in {failing!r} and not (HERE / "gate").exists():
        raise ValueError(what)

def words(line):
    if line.startswith("#"):
        note(f"map {{line[1:]}}")
    return [(word, {value}) for word in line.split()]

def add(key, values):
    if key.startswith("#"):
        note(f"reduce {{key[1:]}}")
    yield key, sum(values)

def part(key, partitions):
    return sum(key.encode()) % partitions

job = Job(map=words, reduce=add, partition=part{more})
"""
FILES, PARTITIONS = 4, 3


class Script:
    """A job file in a folder, its notes, and its input: `FILES` files that each make a map task of their own."""

    def __init__(self, here: Path, *failing: str, value: int = 1, more: str = "") -> None:
        here.mkdir(exist_ok=True)
        self.here = here
        self.file = here / "counting.py"
        self.write(*failing, value=value, more=more)

    def write(self, *failing: str, value: int = 1, more: str = "") -> None:
        """Write the job's code, whose notes in `failing` raise as long as there is no gate."""
        self.file.write_text(CODE.format(here=str(self.here), failing=failing, value=value, more=more))

    def open_gate(self) -> None:
        """Let everything pass from now on."""
        (self.here / "gate").touch()

    def log(self) -> Counter[str]:
        """What was noted, and how often."""
        path = self.here / "log"
        return Counter(path.read_text().splitlines() if path.exists() else [])

    def code(self, user: User) -> dict[str, Any]:
        """The request's `job`, whose code has been uploaded."""
        sys.modules.pop(self.file.stem, None)  # it may have been written anew, or be another test's
        compiled: CompiledJob = resolve(str(self.file))
        assert compiled.bundle
        answer = user.http.put(f"/v1/bundles/{compiled.bundle.sha256}", content=compiled.bundle.data)
        assert answer.status_code in (200, 201), answer.text
        return {"spec": json.loads(json.dumps(asdict(compiled.spec)))}

    def submit(self, user: User, **more: Any) -> str:
        """The id of the job."""
        for number in range(FILES):
            user.put(f"texts/{number}.txt", text(number))
        sizes = {"split_size": 1024, "partitions": PARTITIONS, "workers": 1}
        body = {"job": self.code(user), "inputs": ["files:texts/"], **sizes, **more}
        answer = user.submit(body)
        assert answer.status_code == 202, answer.text
        job: str = answer.json()["id"]
        return job


def text(number: int) -> bytes:
    """A file of somewhat more than a split."""
    return f"#{number}\n".encode() + b"one two two\n" * 100


def expected(value: int = 1) -> Counter[str]:
    """The counts of all words."""
    counts = Counter({f"#{number}": 1 for number in range(FILES)})
    counts += Counter(one=FILES * 100, two=FILES * 200)
    return Counter({word: count * value for word, count in counts.items()})


def counts(user: User, job: str) -> Counter[str]:
    """What the job has written."""
    lines = user.http.get(f"/v1/jobs/{job}/results/data").text.splitlines()
    return Counter({word: int(count) for word, count in (line.split("\t") for line in lines)})
