"""List the files in which each word occurs (an inverted index)."""

from collections.abc import Iterator

from fanfold import Context, Job

MOST_SEEN = 1_000_000  # words remembered; emitting a word twice is harmless


class Words:
    """Emits each word of a file with the file's path, once as long as the word is remembered."""

    def start(self, ctx: Context) -> None:
        """Forget all words."""
        self._path = ""
        self._seen: set[str] = set()

    def __call__(self, line: str, ctx: Context) -> Iterator[tuple[str, str]]:
        """The words of the line that are new."""
        words = set(line.split())
        if ctx.source.path != self._path or len(self._seen) > MOST_SEEN:
            self._path, self._seen = ctx.source.path, set()
        new = words - self._seen
        self._seen |= new
        for word in new:
            yield word, self._path


def files(word: str, paths: Iterator[str]) -> Iterator[str]:
    """A line of the index: the word and its paths in order, separated by tabs."""
    yield "\t".join([word, *sorted(set(paths))])


job = Job("index", map=Words, reduce=files)
