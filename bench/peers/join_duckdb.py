"""Two tables joined by DuckDB: `python join_duckdb.py FOLDER OUTPUT`, the folder as `inputs.tables` makes it."""

import sys

import duckdb


def main() -> None:
    source, target = sys.argv[1:]
    database = duckdb.connect()
    database.execute("SET threads = 2")
    orders, users = (f"read_csv('{source}/{name}.csv', all_varchar = true)" for name in ("orders", "users"))
    database.execute(f"COPY (SELECT * FROM {orders} AS o JOIN {users} AS u USING (user)) TO '{target}' (FORMAT json)")


if __name__ == "__main__":
    main()
