"""What runs in a pod or a local worker: split, map, reduce and finish, and the loop that takes tasks.

`python -m fanfold_steps STEP --job URL --index N` is the one way in, for the local engine and for pods alike.
"""
