"""Who you are: users, passwords, signed tokens and the keys that sign them, served over HTTP.

Everything lives in records, so any replica serves any request. `app.build_app` wires the service, `python -m
fanfold_auth` runs it; `users.Users` works on records directly, without HTTP.
"""
