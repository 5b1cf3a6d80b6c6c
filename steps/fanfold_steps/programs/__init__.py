"""Programs in any language as mappers, combiners and reducers, by the contract of Hadoop Streaming.

A program is one process per task, or for a mapper, per file. It reads lines and writes `key TAB value` lines; a line
without a tab is a key alone. A reducer or combiner reads the lines of its partition sorted by key, in byte order; lines
of equal keys stay in input order. Lines are never taken apart: what a program writes is, byte for byte, what the next
one reads.
"""
