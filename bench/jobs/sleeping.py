"""A job whose tasks are busy for a known time."""

import time

from fanfold import Job

SECONDS = 2.0


def sleeps(line: str) -> list[str]:
    time.sleep(SECONDS)
    return [line]


job = Job(map=sleeps)
