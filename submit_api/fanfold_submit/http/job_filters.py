"""The query of `GET /v1/jobs`: which jobs, in which order."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from fanfold_submit.jobs.job import State
from fanfold_submit.jobs.listed import MOST_WORDS, words_in
from fanfold_submit.jobs.places import demand_member
from fanfold_submit.jobs.request import LONGEST_NAME
from fanfold_submit.lists.pages import MOST_READ
from fanfold_submit.lists.question import LATEST, Question, Sort
from fanfold_submit.principal import Principal

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _with_words(text: str) -> str:
    if not words_in(text):
        raise ValueError("there is no word in it: write letters or digits")
    return text


def _in_rfc_3339(given: object) -> object:
    """The value, if it is such a time; pydantic would also take a number of seconds."""
    if not isinstance(given, str) or not _RFC_3339.fullmatch(given):
        raise ValueError("write a time with its zone, as in 2026-11-24T07:15:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_in_rfc_3339)]


class JobFilters(BaseModel):
    """Jobs are listed if all filters fit them."""

    state: list[State] = Field(default=[], max_length=len(State), description="One of these states")
    name: Annotated[str, Field(max_length=LONGEST_NAME)] | None = Field(default=None, description="This very name")
    schedule: Annotated[str, Field(max_length=LONGEST_NAME)] | None = Field(
        default=None, description="Submitted by the schedule of this name"
    )
    text: Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_with_words)] | None = Field(
        default=None,
        description=f"These words, in upper or lower case, among the first {MOST_WORDS} of name, output and inputs",
        examples=["nightly"],
    )
    team: Annotated[str, Field(max_length=LONGEST_NAME)] | None = Field(
        default=None, description="Of this group, whoever owns them; for its members, and administrators"
    )
    since: Moment | None = Field(default=None, description="Created then or later")
    until: Moment | None = Field(default=None, description="Created then or earlier")
    owner: str | None = Field(default=None, description="Another user's, by name or id; for administrators")
    all: bool = Field(default=False, description="Everybody's; for administrators")
    sort: Sort = Field(
        default=Sort.NEWEST, description="`duration`: those that ran longest first, of those that have ended"
    )
    count: bool = Field(default=False, description="Whether to count the jobs that follow the page")
    limit: int = Field(default=50, ge=1, le=MOST_READ)
    cursor: str = Field(default="", description="What the page before had as its cursor")

    def question(self, caller: Principal) -> Question:
        """What the caller asks. Raises Forbidden: only administrators may."""
        is_own = not self.all and self.owner in {None, caller.name, caller.id}
        if self.team is not None:
            demand_member(caller, self.team)
            is_own = self.owner is not None and is_own
        elif not is_own:
            caller.demand("admin", "Seeing others' jobs")
        return Question(
            owner_ids=(caller.id,) if is_own else None,
            owner=None if is_own or self.all else self.owner,
            team=self.team,
            states=tuple(dict.fromkeys(self.state)),
            name=self.name,
            schedule=self.schedule,
            words=tuple(dict.fromkeys(words_in(self.text or ""))),
            since=_milliseconds(self.since) if self.since else 0,
            until=_milliseconds(self.until) if self.until else LATEST,
            sort=self.sort,
        )


def _milliseconds(moment: datetime) -> int:
    """Unix milliseconds; those of a time that no id can begin with are the nearest ones."""
    return min(max(int((moment - _EPOCH).total_seconds() * 1000), 0), LATEST)
