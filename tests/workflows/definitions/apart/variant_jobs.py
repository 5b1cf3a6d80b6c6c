"""The jobs of `variants.py`, in a folder of their own: their bundles hold this file, not all tests."""

from pydantic import BaseModel

from fanfold import CSV, Input, Job, Resources, Stage, Sum, program


class Params(BaseModel):
    """Parameters of every kind."""

    output: str
    least: int = 3
    share: float | None = None
    words: list[str] = []
    loud: bool = False


def words(line: str) -> list[tuple[str, int]]:
    """A mapper."""
    return [(line, 1)]


PARAMETERS = Job(map=words, reduce=Sum(), params=Params)
NAMED = Job(inputs={"users": Input(CSV(), map=words), "orders": Input(map=words)}, reduce=Sum())
APART = Job(stages=[Stage(map=words, reduce=Sum()), Stage(map=words, reduce=Sum(), resources=Resources(memory="4Gi"))])
CODE = Job(name="code", map=words, reduce=Sum())
HOSTILE = Job(name="{{=sprig.env('PATH')}}", map=words, reduce=Sum())
LARGE = Job(map=program("cat " + "x" * (130 << 10)))
