"""A job's bad records, in a folder: what was wrong, and the records as they were."""

import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from fanfold_client.api.collections import Quarantine
from fanfold_client.api.problems import NotFound
from fanfold_client.api.responses import Job
from fanfold_client.files.results import new_folder, safe_name

LIST, RECORDS = "part-00000.jsonl", "records"


def fetch_quarantine(quarantine: Quarantine, job: Job, target: Path) -> Sequence[Path]:
    """Write a job's bad records into a new folder, and return its files; without bad records, there is none.

    Raises:
        Conflict: `target` exists and isn't an empty folder.
    """
    bad = quarantine.list(job["id"])
    first = next(bad, None)
    if first is None:
        return []
    with new_folder(target) as folder:
        with (folder / LIST).open("x", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(one, ensure_ascii=False)}\n" for one in chain([first], bad))
        for name in job["inputs"] if isinstance(job["inputs"], dict) else [None]:
            path = folder / (RECORDS if name is None else safe_name(f"{RECORDS}-{name}"))
            with suppress(NotFound), path.open("xb") as records:  # none can be read again
                records.writelines(quarantine.read(job["id"], name))
            if not path.stat().st_size:
                path.unlink()
        names = sorted(path.name for path in folder.iterdir())
    return [target / name for name in names]
