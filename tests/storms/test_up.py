"""`fanfold up` is killed again and again under many jobs: nothing is lost, doubled, wrongly failed or left over."""

import contextlib
import json
import os
import random
import time
from collections import Counter
from pathlib import Path

from fanfold_client.api.problems import Away
from tests.client.services import Up
from tests.storms.people import Submitter

JOBS, KILLS, SECONDS, SEED = 50, 30, 60.0, 7


def test_killed_thirty_times_in_a_minute_under_fifty_jobs(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    up = Up(tmp_path)
    try:
        ada = Submitter(up)
        ada.upload("texts/a.txt", b"".join(b"word%d and %d\n" % (number % 97, number) for number in range(2_000)))
        asked = [f"storm-{number}" for number in range(JOBS)]
        begun, kills = time.monotonic(), 0
        known: dict[str, str] = {}
        while len(known) < JOBS or kills < KILLS:
            if len(known) < JOBS:
                key = asked[len(known)]
                with contextlib.suppress(Away):  # killed meanwhile: asked again with the same key
                    known[key] = ada.submit(key)
            if kills < KILLS and time.monotonic() - begun > (kills + chance.random()) * SECONDS / KILLS:
                up.kill()
                up.start()
                up.wait_ready()
                ada.connect(up)
                kills += 1
        states = ada.wait(list(known.values()), 300)
        again = {key: ada.submit(key) for key in asked}
        listed = ada.listed()
        parts = {job: ada.result(job) for job in known.values()}
        ada.close()
    finally:
        up.stop()
    counted = Counter(states.values())
    print(f"\nkilled {kills} times in {time.monotonic() - begun:.0f} s, seed {SEED}; {JOBS} jobs: {dict(counted)}")
    assert counted == {"succeeded": JOBS}
    assert again == known, "the same key leads to the same job"
    assert sorted(listed) == sorted(known.values()), "none is lost, none is there twice"
    assert len(set(parts.values())) == 1, "all have the same bytes"
    assert leftovers(up.data) == []


def leftovers(data: Path) -> list[str]:
    """Half-written files of the store, and workers that still run."""
    staged = [str(path) for path in data.glob("store/**/.staged/**/*") if path.is_file()]
    running = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"fanfold_steps" in words and any(os.fsencode(str(data)) in word for word in words):
            running.append(json.dumps([word.decode() for word in words]))
    return staged + running
