"""List the files in which each word occurs: `python examples/reverse_index.py --input texts/ --output index/`."""

from collections.abc import Iterator

from fanfold import Context, Job, Whole


def words(text: str, ctx: Context) -> Iterator[tuple[str, str]]:
    file = ctx.source.path
    for word in set(text.split()):
        yield word, file


def listed(word: str, files: Iterator[str]) -> Iterator[tuple[str, str]]:
    yield word, " ".join(files)  # they arrive in the order of the files


job = Job(map=words, reduce=listed, input=Whole())

if __name__ == "__main__":
    job.main()
