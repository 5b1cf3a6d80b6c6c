"""Programs in any language as mappers, combiners and reducers, by the contract of Hadoop Streaming.

A program is one process a task. It reads lines and writes `key TAB value` lines; a line without a tab is a key alone.
A reducer or combiner reads the lines of its partition sorted by key, in byte order; within a key in input order. Lines
are never taken apart on the way: what a program writes is, byte for byte, what the next one reads.
"""
