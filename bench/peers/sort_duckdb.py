"""Lines sorted by DuckDB: `python sort_duckdb.py INPUT OUTPUT`."""

import sys

import duckdb


def main() -> None:
    source, target = sys.argv[1:]
    database = duckdb.connect()
    database.execute("SET threads = 2")
    lines = (
        f"read_csv('{source}', columns = {{'line': 'VARCHAR'}}, "
        "header = false, auto_detect = false, delim = '\x01', quote = '', escape = '')"
    )
    database.execute(
        f"COPY (SELECT line FROM {lines} ORDER BY line) TO '{target}' (HEADER false, DELIMITER '\x01', QUOTE '')"
    )


if __name__ == "__main__":
    main()
