"""Count words with a combiner, hooks and counters: by hand, much of what `Sum()` does."""

import re
from collections import Counter
from collections.abc import Iterator

from fanfold import Context, Job

WORD = re.compile(r"[\w']+")
MOST = 100_000  # distinct words held before they are emitted


class Words:
    """Counts the words of one task in memory, and emits the counts now and then, and at the end."""

    def start(self, ctx: Context) -> None:
        self.counts: Counter[str] = Counter()
        self.ctx = ctx

    def __call__(self, line: str) -> Iterator[tuple[str, int]]:
        found = [word.lower() for word in WORD.findall(line)]
        self.counts.update(found)
        self.ctx.count("words", "seen", len(found))
        if not found:
            self.ctx.count("lines", "without words")
        if len(self.counts) >= MOST:
            yield from self.finish()

    def finish(self) -> Iterator[tuple[str, int]]:
        yield from self.counts.items()
        self.counts.clear()


def total(word: str, counts: Iterator[int]) -> Iterator[tuple[str, int]]:
    yield word, sum(counts)


job = Job(map=Words, combine=total, reduce=total)

if __name__ == "__main__":
    job.main()
