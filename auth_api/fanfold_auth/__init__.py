"""The authentication service: users, passwords, signed tokens and the keys that sign them, served over HTTP.

Everything is stored in records, so any replica serves any request. `app.build_app` wires the service, and `python -m
fanfold_auth` runs it. `accounts`, `keys` and `tokens` work on records directly and know no HTTP; they refuse with the
exceptions in `refusals`, which `http` translates into problems.
"""
