"""Divide visits into sessions: each user's visits arrive sorted by time, and need no memory (a secondary sort).

Lines are `user TAB minute TAB page`; a session ends when a user stays away for half an hour.
"""

from collections.abc import Iterator

from fanfold import Job, Stage

AWAY = 30  # minutes


def visits(line: str) -> Iterator[tuple[str, tuple[int, str]]]:
    user, minute, page = line.split("\t")
    yield user, (int(minute), page)


def sessions(user: str, visits: Iterator[tuple[int, str]]) -> Iterator[str]:
    pages: list[str] = []
    last = 0
    for minute, page in visits:
        if pages and minute - last > AWAY:
            yield f"{user}\t{' '.join(pages)}"
            pages = []
        pages.append(page)
        last = minute
    yield f"{user}\t{' '.join(pages)}"


job = Job(stages=[Stage(map=visits, reduce=sessions, sort_values=True)])

if __name__ == "__main__":
    job.main()
