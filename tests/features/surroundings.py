"""Parameters, a side file, hooks and counters."""

from collections.abc import Iterator

from pydantic import BaseModel

from fanfold import Context, Job, Sum


class Params(BaseModel):
    at_least: int = 1


class Words:
    """Counts words that aren't in the side file, and all lines at the end of a split."""

    def start(self, ctx: Context) -> None:
        self._stop = set(ctx.file("stop").read_text().split())
        self._lines = 0

    def __call__(self, line: str, ctx: Context) -> Iterator[tuple[str, int]]:
        self._lines += 1
        for word in line.split():
            if len(word) >= ctx.params.at_least and word not in self._stop:
                ctx.count("words", "kept")
                yield word, 1

    def finish(self) -> Iterator[tuple[str, int]]:
        yield "(lines)", self._lines


job = Job(map=Words, reduce=Sum(), params=Params, files={"stop": "stop.txt"})
