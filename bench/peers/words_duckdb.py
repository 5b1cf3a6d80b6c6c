"""Word count by DuckDB: `python words_duckdb.py INPUT OUTPUT`."""

import sys

import duckdb


def main() -> None:
    source, target = sys.argv[1:]
    database = duckdb.connect()
    database.execute("SET threads = 2")
    lines = (
        f"read_csv('{source}/*.txt', columns = {{'line': 'VARCHAR'}}, "
        "header = false, auto_detect = false, delim = '\x01', quote = '', escape = '')"
    )
    database.execute(
        f"COPY (SELECT word, count(*) FROM (SELECT unnest(string_split(line, ' ')) AS word FROM {lines}) "
        f"GROUP BY word ORDER BY word) TO '{target}' (HEADER false, DELIMITER '\t', QUOTE '')"
    )


if __name__ == "__main__":
    main()
