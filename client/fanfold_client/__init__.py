"""The `fanfold` command and `fanfold_client.client.Client`, the typed HTTP client beneath it."""
