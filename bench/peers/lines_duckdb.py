"""How often each line occurs, by DuckDB in 256 MiB: `python lines_duckdb.py INPUT OUTPUT`."""

import sys

import duckdb


def main() -> None:
    source, target = sys.argv[1:]
    database = duckdb.connect()
    database.execute("SET threads = 2")
    database.execute("SET memory_limit = '256MiB'")
    database.execute(f"SET temp_directory = '{target}.spilled'")
    lines = (
        f"read_csv('{source}', columns = {{'line': 'VARCHAR'}}, "
        "header = false, auto_detect = false, delim = '\x01', quote = '', escape = '')"
    )
    database.execute(
        f"COPY (SELECT line, count(*) FROM {lines} GROUP BY line ORDER BY line) TO '{target}' "
        "(HEADER false, DELIMITER '\t', QUOTE '')"
    )


if __name__ == "__main__":
    main()
