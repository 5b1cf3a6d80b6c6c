"""Word count by Polars: `python words_polars.py INPUT OUTPUT`."""

import sys

import polars as pl


def main() -> None:
    source, target = sys.argv[1:]
    lines = pl.scan_csv(
        f"{source}/*.txt", has_header=False, separator="\x01", quote_char=None, schema={"line": pl.String}
    )
    words = lines.select(word=pl.col("line").str.split(" ")).explode("word")
    counts = words.group_by("word").len().sort("word")
    counts.sink_csv(target, include_header=False, separator="\t", quote_style="never")


if __name__ == "__main__":
    main()
