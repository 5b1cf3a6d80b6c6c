"""What runs in a pod or a local worker: split, map, reduce and finish as functions of (job, index, store), and the loop.

`python -m fanfold_steps STEP --job URL --index N` is the one way in, for the local engine and for pods alike.
"""
