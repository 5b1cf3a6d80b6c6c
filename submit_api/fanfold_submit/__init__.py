"""The submission service: it accepts each job exactly once, brings it to its end, and serves its state and results.

`app.build_app` wires the service, and `python -m fanfold_submit` runs it. `jobs`, `reconciling` and `tokens` know no
HTTP; they refuse with the exceptions in `refusals`, which `http` translates into problems.
"""
