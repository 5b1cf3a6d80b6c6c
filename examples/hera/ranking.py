"""Pages that were visited often, the most visited first, from what `visits.py` has counted."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, Field

from fanfold import Context, Job


class Params(BaseModel):
    least: int = Field(default=1, ge=1, description="visits that a page needs to be ranked")


def by_visits(line: str, ctx: Context) -> Iterator[tuple[tuple[int, str], None]]:
    page, _, visits = line.rpartition("\t")
    if int(visits) >= ctx.params.least:
        yield (-int(visits), page), None


def page(key: tuple[int, str], values: Iterable[None]) -> Iterator[tuple[str, int]]:
    visits, name = key
    yield name, -visits


job = Job(map=by_visits, reduce=page, order="total", params=Params)
