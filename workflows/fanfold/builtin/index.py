"""List the files that each word stands in (an inverted index)."""

from collections.abc import Iterator

from fanfold import Context, Job

MOST_SEEN = 1_000_000  # words remembered; a word given twice is only given in vain


class Words:
    """Gives each word of a file with its path, once as far as it is remembered."""

    def start(self, ctx: Context) -> None:
        """Nothing was seen."""
        self._path = ""
        self._seen: set[str] = set()

    def __call__(self, line: str, ctx: Context) -> Iterator[tuple[str, str]]:
        """The line's words that are new."""
        words = set(line.split())
        if ctx.source.path != self._path or len(self._seen) > MOST_SEEN:
            self._path, self._seen = ctx.source.path, set()
        new = words - self._seen
        self._seen |= new
        for word in new:
            yield word, self._path


def files(word: str, paths: Iterator[str]) -> Iterator[str]:
    """A word's line of the index: with tabs between, the paths in order."""
    yield "\t".join([word, *sorted(set(paths))])


job = Job("index", map=Words, reduce=files)
