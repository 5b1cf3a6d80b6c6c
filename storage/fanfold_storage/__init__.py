"""Where everything lies: objects (files of any size) and records (small JSON values under ordered keys).

This is the bottom storey: it imports none of Fanfold's own. Importing the package loads no backend;
`fanfold_storage.urls` opens one by URL.
"""
