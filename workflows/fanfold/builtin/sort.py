"""Sort lines by their bytes, as `LC_ALL=C sort` does.

The parts, one after another, form the sorted whole.
"""

from fanfold import Job, SortLines

job = Job("sort", reduce=SortLines())
