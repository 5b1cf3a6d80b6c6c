"""Joining tables of text by columns of Polars: rows are partitioned by their keys as records are, and written as JSON
without ever being a dict."""
