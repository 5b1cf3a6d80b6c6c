"""The lists in which a job is found, each a range of keys, so that no question needs a look at all jobs.

submit/by-time/REVERSED-ID                  all jobs, the newest first
submit/by-owner/OWNER/REVERSED-ID           one user's jobs, the newest first
submit/lists/all/state=STATE/REVERSED-ID    those of all jobs that are in a state
submit/lists/team/GROUP/REVERSED-ID         a team's jobs, the newest first
submit/lists/of/OWNER/QUESTION/PLACE        other lists of one user's jobs, in the order of PLACE
submit/owners/SHA256/OWNER                  the ids of those who had a name when they submitted jobs

OWNER is a user's id. A list is called after what its jobs share:

QUESTION                                    PLACE
state=STATE                                 REVERSED-ID
name=SHA256, word=WORD, schedule=SHA256     REVERSED-ID
oldest                                      ID
longest                                     milliseconds counted down, then REVERSED-ID; of jobs that have ended

Records of the first two hold the job's id, which older versions read; those of other lists are empty. Each costs etcd
half a kilobyte of memory, so what is asked more rarely, such as names among all users' jobs, has no list.

A job's lists follow from the job alone, so whoever changes it moves it between lists in the same transaction.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime

from fanfold_submit.jobs.job import Job, State

BY_TIME = "submit/by-time/"
BY_OWNER = "submit/by-owner/"
LISTS = "submit/lists/"
OWNERS = "submit/owners/"
VERSION = 1  # of these lists; a job that is stored with another one isn't in all of them

MOST_WORDS = 6  # of one job; each is a record
LONGEST_WORD = 40  # characters
_LONGEST_DURATION = 9_999_999_999  # milliseconds, a third of a year
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_REVERSED = str.maketrans(_DIGITS, _DIGITS[::-1])


def keys_of(job: Job) -> frozenset[str]:
    """The keys of all records that lead to the job."""
    return frozenset(_always(job)) | frozenset(_by_state(job, job.state))


def possible_keys_of(job: Job) -> frozenset[str]:
    """The keys of all records that may lead to the job, whatever its state was before."""
    return keys_of(job).union(*(_by_state(job, state) for state in State))


def owner_key(name: str, owner_id: str = "") -> str:
    """The key of the record that says who had a name; without an id, what all such keys begin with."""
    return f"{OWNERS}{sha256(name)}/{owner_id}"


def list_prefix(owner_id: str | None, question: str) -> str:
    """What the keys of a list begin with; the list of all jobs, the newest first, is that of no question."""
    if not question:
        return BY_TIME if owner_id is None else f"{BY_OWNER}{owner_id}/"
    return f"{LISTS}{'all' if owner_id is None else f'of/{owner_id}'}/{question}/"


def team_list(team: str) -> str:
    """What the keys of the list of a team's jobs begin with, the newest first."""
    return f"{LISTS}team/{team}/"


def state_question(state: State) -> str:
    """What the list of jobs in a state is called."""
    return f"state={state}"


def name_question(name: str) -> str:
    """What the list of jobs with a name is called."""
    return f"name={sha256(name)}"


def schedule_question(name: str) -> str:
    """What the list of jobs that a schedule has submitted is called."""
    return f"schedule={sha256(name)}"


def word_question(word: str) -> str:
    """What the list of jobs with a word is called."""
    return f"word={word}"


def words_of(job: Job) -> list[str]:
    """The words by which a job is found: those of its name, its output and its inputs, at most MOST_WORDS."""
    inputs = job.inputs if isinstance(job.inputs, list) else [place for some in job.inputs.values() for place in some]
    found: dict[str, None] = {}
    for text in (job.name, job.output or "", *inputs):
        found |= dict.fromkeys(words_in(text))
        if len(found) >= MOST_WORDS:
            break
    return list(found)[:MOST_WORDS]


def words_in(text: str) -> list[str]:
    """The words of a text, in lower case, without the scheme of a place.

    >>> words_in("files:Logs/2026-11/a.gz")
    ['logs', '2026', '11', 'a', 'gz']
    """
    words = re.findall(r"\w+", re.sub(r"^(files:|s3://)", "", text).casefold())
    return [word[:LONGEST_WORD] for word in words]


def milliseconds_taken(job: Job) -> int | None:
    """How long the job ran; None unless it has begun and ended."""
    if not (job.started and job.finished):
        return None
    seconds = datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.started)
    return min(max(round(seconds.total_seconds() * 1000), 0), _LONGEST_DURATION)


def reversed_id(job_id: str) -> str:
    """The id with every digit mirrored, so that later ones come first; mirrored again, it is the id.

    >>> reversed_id("az09"), reversed_id(reversed_id("az09"))
    ('p0zq', 'az09')
    """
    return job_id.translate(_REVERSED)


def sha256(text: str) -> str:
    """SHA-256 (hex) of a text that may be anything."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _always(job: Job) -> Iterator[str]:
    place, owner = reversed_id(job.id), job.owner_id
    yield list_prefix(None, "") + place
    yield list_prefix(owner, "") + place
    yield list_prefix(owner, "oldest") + job.id
    if job.team:
        yield team_list(job.team) + place
    shared = [name_question(job.name), *map(word_question, words_of(job))]
    shared += [schedule_question(job.schedule.name)] if job.schedule else []
    yield from (list_prefix(owner, question) + place for question in shared)
    if (taken := milliseconds_taken(job)) is not None:
        yield f"{list_prefix(owner, 'longest')}{_LONGEST_DURATION - taken:010}{place}"


def _by_state(job: Job, state: State) -> Iterator[str]:
    for owner in (None, job.owner_id):
        yield list_prefix(owner, state_question(state)) + reversed_id(job.id)
