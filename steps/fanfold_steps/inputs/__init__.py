"""From a URL to batches of records: listing files, cutting them into splits, reading batches, sampling."""
