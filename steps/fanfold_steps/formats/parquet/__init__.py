"""Parquet, by PyArrow, which is loaded only by jobs that read or write it.

`reader` gives the rows of row groups, `to_python` their values. What is written is seen before its types are settled:
`arrow_types` says how a kind of values lies in a file, and `writer` keeps a part's row groups in a `spool` until all of
its rows have been seen. `same_columns` gives all parts of an output one schema, when they are finished.
"""
