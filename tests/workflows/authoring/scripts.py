"""Scripts that make a job, by what is special about them: what workers find under a name is the same, or isn't."""

OTHER_VALUE = {
    "a global that decides": """from fanfold import Job, Sum
LIMIT = 3
def words(line):
    return [(line, LIMIT)]
if __name__ == "__main__":
    LIMIT = 5
job = Job(map=words, reduce=Sum())
""",
    "a global that a function declares": """from fanfold import Job, Sum
LIMIT = 3
def words(line):
    return [(line, LIMIT)]
def main():
    global LIMIT
    LIMIT = 5
if __name__ == "__main__":
    main()
job = Job(map=words, reduce=Sum())
""",
    "a set that is filled": """from fanfold import Job, Sum
STOP = set()
def words(line):
    return [(line, line in STOP)]
if __name__ == "__main__":
    STOP.add('a')
job = Job(map=words, reduce=Sum())
""",
    "a dict's entry": """from fanfold import Job, Sum
CONF = {}
def words(line):
    return [(line, CONF.get(1))]
if __name__ == "__main__":
    CONF[1] = 2
job = Job(map=words, reduce=Sum())
""",
    "a name that only the script has": """from fanfold import Job, Sum
def words(line):
    return [(line, LIMIT)]
if __name__ == "__main__":
    LIMIT = 5
job = Job(map=words, reduce=Sum())
""",
    "a variable that tells how it runs": """from fanfold import Job, Sum
FAST = __name__ == '__main__'
def words(line):
    return [(line, FAST)]
job = Job(map=words, reduce=Sum())
""",
    "a global that a helper of it reads": """from fanfold import Job, Sum
LIMIT = 3
def clean(line):
    return line[:LIMIT]
def words(line):
    return [(clean(line), 1)]
if __name__ == "__main__":
    LIMIT = 5
job = Job(map=words, reduce=Sum())
""",
    "an object's attribute": """from fanfold import Job, Sum
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, line):
        return [(line, self.by)]
    def words(self, line):
        return [(line, self.by)]
words = Scale(1)
if __name__ == "__main__":
    words.by = 5
job = Job(map=words, reduce=Sum())
""",
    "an attribute of a method's object": """from fanfold import Job, Sum
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, line):
        return [(line, self.by)]
    def words(self, line):
        return [(line, self.by)]
scale = Scale(1)
if __name__ == "__main__":
    scale.by = 5
job = Job(map=scale.words, reduce=Sum())
""",
    "a class's attribute": """from fanfold import Job, Sum
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, line):
        return [(line, self.by)]
    def words(self, line):
        return [(line, self.by)]
Scale.by = 1
class Own(Scale):
    def __init__(self):
        pass
if __name__ == "__main__":
    Own.by = 5
job = Job(map=Own, reduce=Sum())
""",
    "a default": """from fanfold import Job, Sum
import sys
def words(line, by=len(__name__)):
    return [(line, by)]
job = Job(map=words, reduce=Sum())
""",
    "a partial's argument": """from fanfold import Job, Sum
from functools import partial
def some(by, line):
    return [(line, by)]
words = partial(some, len(__name__))
job = Job(map=words, reduce=Sum())
""",
    "a closure's variable": """from fanfold import Job, Sum
def made(by):
    def words(line):
        return [(line, by)]
    return words
words = made(len(__name__))
job = Job(map=words, reduce=Sum())
""",
    "a pattern's method": """from fanfold import Job, Sum
import re
pattern = re.compile('a' * len(__name__))
job = Job(map=pattern.findall, reduce=Sum())
""",
    "a dict's method": """from fanfold import Job, Sum
table = {}
if __name__ == "__main__":
    table.update(a=[(1, 2)])
job = Job(map=table.get, reduce=Sum())
""",
}
"""Workers have another value."""

OTHER_CODE = {
    "defined under a condition": (
        """from fanfold import Job, Sum
FLAG = __name__ == '__main__'
if FLAG:
    def words(line):
        return [(line, 2)]
else:
    def words(line):
        return [(line, 1)]
job = Job(map=words, reduce=Sum())
""",
        r"it is words of line 7, but the job was given words of line 4",
    ),
    "decorated under a condition": (
        """from fanfold import Job, Sum
import functools
def twice(function):
    @functools.wraps(function)
    def doubled(line):
        return [(key, 2 * value) for key, value in function(line)]
    return doubled
def words(line):
    return [(line, 1)]
FLAG = __name__ == '__main__'
if FLAG:
    words = twice(words)
job = Job(map=words, reduce=Sum())
""",
        r"it is words of line 8, but the job was given twice.<locals>.doubled of line 4",
    ),
    "a helper of another kind": (
        """from fanfold import Job, Sum
if len(__name__) > 4:
    def clean(x):
        return x
else:
    def clean(x):
        return x[1:]
def words(line):
    return [(clean(line), 1)]
job = Job(map=words, reduce=Sum())
""",
        r"clean, which it uses, is not the same there",
    ),
    "another class": (
        """from fanfold import Job, Sum
class A:
    def __call__(self, line):
        return [(line, 1)]
class B(A):
    pass
words = B() if len(__name__) > 4 else A()
job = Job(map=words, reduce=Sum())
""",
        r"it is A, but the job was given B",
    ),
    "made by exec": (
        """from fanfold import Job, Sum
exec(f'def words(line):\\n    return [(line, {len(__name__)})]')
job = Job(map=words, reduce=Sum())
""",
        r"its code is not the same there",
    ),
}
"""Workers have other code; with what they are told."""

ONLY_THE_SCRIPT = {
    "decorated": """from fanfold import Job, Sum
import functools
def twice(function):
    @functools.wraps(function)
    def doubled(line):
        return [(key, 2 * value) for key, value in function(line)]
    return doubled
def words(line):
    return [(line, 1)]
if __name__ == "__main__":
    words = twice(words)
    job = Job(map=words, reduce=Sum())
""",
    "defined": """from fanfold import Job, Sum
if __name__ == "__main__":
    def words(line):
        return [(line, 1)]
    job = Job(map=words, reduce=Sum())
""",
    "another object": """from fanfold import Job, Sum
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, line):
        return [(line, self.by)]
    def words(self, line):
        return [(line, self.by)]
words = Scale(1)
if __name__ == "__main__":
    words = Scale(5)
    job = Job(map=words, reduce=Sum())
""",
    "another method": """from fanfold import Job, Sum
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, line):
        return [(line, self.by)]
    def words(self, line):
        return [(line, self.by)]
scale = Scale(1)
if __name__ == "__main__":
    scale = Scale(5)
    job = Job(map=scale.words, reduce=Sum())
""",
    "either": """from fanfold import Job, Sum
if __name__ == "__main__":
    def words(line):
        return [(line, 1)]
else:
    def words(line):
        return [(line, 1)]
job = Job(map=words, reduce=Sum())
""",
}
"""Workers don't have the name, or another thing under it."""

ALIKE = {
    "plain": """from fanfold import Job, Sum
def words(line):
    return [(line, 1)]
job = Job(map=words, reduce=Sum())
""",
    "in the guard": """from fanfold import Job, Sum
def words(line):
    return [(line, 1)]
if __name__ == "__main__":
    import sys
    line = sys.argv
    by = 2
    job = Job(map=words, reduce=Sum())
""",
    "decorated": """from fanfold import Job, Sum
import functools
def twice(function):
    @functools.wraps(function)
    def doubled(line):
        return [(key, 2 * value) for key, value in function(line)]
    return doubled
@twice
def words(line):
    return [(line, 1)]
job = Job(map=words, reduce=Sum())
""",
    "wrapped": """from fanfold import Job, Sum
import functools
def twice(function):
    @functools.wraps(function)
    def doubled(line):
        return [(key, 2 * value) for key, value in function(line)]
    return doubled
def words(line):
    return [(line, 1)]
doubled = twice(words)
job = Job(map=doubled, reduce=Sum())
""",
    "an object": """from fanfold import Job, Sum
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, line):
        return [(line, self.by)]
    def words(self, line):
        return [(line, self.by)]
words = Scale(3)
job = Job(map=words, reduce=Sum())
""",
    "a method": """from fanfold import Job, Sum
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, line):
        return [(line, self.by)]
    def words(self, line):
        return [(line, self.by)]
scale = Scale(3)
job = Job(map=scale.words, reduce=Sum())
""",
    "a class": """from fanfold import Job, Sum
class Words:
    seen = {'b', 'a', 'c', 'd'}
    def __call__(self, line):
        return [(line, 1)]
job = Job(map=Words, reduce=Sum())
""",
    "a class method": """from fanfold import Job, Sum
class Words:
    @classmethod
    def words(cls, line):
        return [(line, 1)]
class Own(Words):
    pass
job = Job(map=Own.words, reduce=Sum())
""",
    "a static method": """from fanfold import Job, Sum
class Words:
    @staticmethod
    def words(line):
        return [(line, 1)]
job = Job(map=Words.words, reduce=Sum())
""",
    "a partial": """from fanfold import Job, Sum
from functools import partial
def some(by, line, at=(1, 2.5, None)):
    return [(line, by)]
words = partial(some, {'x', 'y'}, at={1: b'2'})
job = Job(map=words, reduce=Sum())
""",
    "cached": """from fanfold import Job, Sum
from functools import lru_cache
@lru_cache
def words(line):
    return [(line, 1)]
job = Job(map=words, reduce=Sum())
""",
    "a lambda": """from fanfold import Job, Sum
words = lambda line: [(line, 1)]
job = Job(map=words, reduce=Sum())
""",
    "a loop's last": """from fanfold import Job, Sum
for by in (1, 2):
    def words(line, by=by):
        return [(line, by)]
job = Job(map=words, reduce=Sum())
""",
    "by exec": """from fanfold import Job, Sum
exec('def words(line):\\n    return [(line, 1)]')
job = Job(map=words, reduce=Sum())
""",
    "another name": """from fanfold import Job, Sum
def words(line):
    return [(line, 1)]
f = words
job = Job(map=f, reduce=Sum())
""",
    "redefined before": """from fanfold import Job, Sum
def words(line):
    return [(line, 1)]
def words(line):
    return [(line, 2)]
job = Job(map=words, reduce=Sum())
""",
    "what time it is": """from fanfold import Job, Sum
import time, os, random
START, PID = time.time(), os.getpid()
def words(line):
    return [(line, START, PID, random.random())]
job = Job(map=words, reduce=Sum())
""",
    "where it lies": """from fanfold import Job, Sum
import os
from pathlib import Path
HERE = os.path.dirname(__file__)
class Stop:
    def __init__(self, *places):
        self.places, self.constant = places, FOLDER
    def __call__(self, line):
        return [(line, HERE)]
words = Stop(HERE, Path(__file__).with_name('x'), HERE + '/x', __file__, __name__, '/etc/x')
job = Job(map=words, reduce=Sum())
""",
    "a set in code": """from fanfold import Job, Sum
def words(line):
    return [(line, line in {'b', 'a', 'c', 'd', ('e', 'f')})]
job = Job(map=words, reduce=Sum())
""",
    "a counter of its own": """from fanfold import Job, Sum
count = 0
def words(line):
    global count
    count += 1
    return [(line, count)]
job = Job(map=words, reduce=Sum())
""",
    "a model": """from fanfold import Job, Sum
from pydantic import BaseModel
class P(BaseModel):
    least: int = 2
    words: list[str] = ['a']
def words(line):
    return [(line, 1)]
job = Job(map=words, reduce=Sum(), params=P)
""",
    "an Enum, a dataclass": """from fanfold import Job, Sum
import enum, dataclasses
class E(enum.Enum):
    A = 1
@dataclasses.dataclass
class D:
    e: E
    def __call__(self, line):
        return [(line, 1)]
words = D(E.A)
job = Job(map=words, reduce=Sum())
""",
    "slots and cycles": """from fanfold import Job, Sum
class S:
    __slots__ = ('a', 'me')
    def __init__(self):
        self.a, self.me = 1, self
    def __call__(self, line):
        return [(line, 1)]
words = S()
job = Job(map=words, reduce=Sum())
""",
    "a Python module's": """from fanfold import Job, Sum
import json
import shlex
job = Job(map=shlex.split, reduce=Sum())
""",
    "a helper's": """from helper import words
from fanfold import Job, Sum
job = Job(map=words, reduce=Sum())
""",
    "a helper's by another name": """from helper import words as w
from fanfold import Job, Sum
job = Job(map=w, reduce=Sum())
""",
    "a helper's attribute": """import helper
from fanfold import Job, Sum
job = Job(map=helper.words, reduce=Sum())
""",
    "a proxy that guards everything": """from fanfold import Job, Sum
class Proxy:
    def __getattribute__(self, name):
        raise RuntimeError(name)
proxy = Proxy()
def words(line):
    return [(line, proxy is None)]
job = Job(map=words, reduce=Sum())
""",
    "recursive": """from fanfold import Job, Sum
def words(line):
    return words(line[1:]) if line else [(line, 1)]
job = Job(map=words, reduce=Sum())
""",
    "bound again under a condition": """from fanfold import Job, Sum
def words(line):
    return [(line, 1)]
def others(line):
    return []
FLAG = __name__ == '__main__'
if FLAG:
    words = others
job = Job(map=words, reduce=Sum())
""",
}
"""Workers have the same."""
