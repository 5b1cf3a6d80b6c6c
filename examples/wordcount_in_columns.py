"""Count words in columns, with Polars: `python examples/wordcount_in_columns.py --input texts/ --output counts/`."""

import polars as pl

from fanfold import Job, Sum, batch


def words(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(word=pl.col("line").str.extract_all(r"\S+")).explode("word").with_columns(n=1)


job = Job(map=batch(words), reduce={"n": Sum()})

if __name__ == "__main__":
    job.main()
