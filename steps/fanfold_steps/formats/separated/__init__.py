"""Separated values (CSV, TSV): `rows` finds them, `reader` and `writer` make records of them and them of records."""
