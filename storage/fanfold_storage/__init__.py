"""Where everything is stored: objects (files of any size) and records (small JSON values under ordered keys).

This is the lowest layer: it imports nothing else of Fanfold. Importing the package loads no backend;
`fanfold_storage.urls` opens one by its URL.
"""
