"""Amounts of events by city and kind, by DuckDB: `python events_duckdb.py INPUT OUTPUT`."""

import sys

import duckdb


def main() -> None:
    source, target = sys.argv[1:]
    database = duckdb.connect()
    database.execute("SET threads = 2")
    database.execute(
        f"COPY (SELECT city, kind, sum(amount) AS amount, count(*) AS n FROM read_json('{source}', "
        "format = 'newline_delimited', columns = {city: 'VARCHAR', kind: 'VARCHAR', amount: 'BIGINT'}) "
        f"GROUP BY city, kind ORDER BY city, kind) TO '{target}' (FORMAT json)"
    )


if __name__ == "__main__":
    main()
