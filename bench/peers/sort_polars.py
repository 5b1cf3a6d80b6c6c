"""Lines sorted by Polars: `python sort_polars.py INPUT OUTPUT`."""

import sys

import polars as pl


def main() -> None:
    source, target = sys.argv[1:]
    lines = pl.scan_csv(source, has_header=False, separator="\x01", quote_char=None, schema={"line": pl.String})
    lines.sort("line").sink_csv(target, include_header=False, separator="\x01", quote_style="never")


if __name__ == "__main__":
    main()
