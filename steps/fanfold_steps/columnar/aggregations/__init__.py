"""How columns are aggregated: by Polars where its arithmetic is exact, otherwise by sums and folds that are."""
