"""Mutation tests: change the code a little, run the tests that reach the change, and tell what no test saw.

Cosmic Ray makes the changes and runs the tests. Here lies what it leaves to a project: which changes are worth a try
(`candidates.py`), copies of the checkout to make them in (`copies.py`), which tests reach which line (`reach.py`), and
that a test which fails by itself catches nothing (`trials.py`).
"""
