"""What Fanfold's services share: refusals and how HTTP answers them, the envelope around a request, how a service runs.

It imports nothing else of Fanfold. `refusals` and `command` load no web framework, so `python -m fanfold_auth admin`
starts quickly and code below the routes can refuse without knowing HTTP.
"""
