"""What `{date}` and `{scheduled}` in a schedule's places and name stand for.

{date}       the tick's day in the schedule's time zone: 2026-11-24
{scheduled}  the tick in UTC: 20261124T010000Z; no two ticks of a schedule have the same
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice, pairwise

from pydantic import ValidationError

from fanfold_steps.job.spec import Inputs
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.refusals import InvalidSchedule
from fanfold_submit.schedules.ticks import Ticks

FORMATS: Mapping[str, Callable[[datetime], str]] = {
    "date": lambda tick: tick.strftime("%Y-%m-%d"),
    "scheduled": lambda tick: tick.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
}
LOOKED_AT = 50  # ticks, for two that would write to the same output
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


def dated(request: JobRequest, tick: datetime) -> JobRequest:
    """The request of one tick: its output, inputs and name with the dates of that tick. Raises InvalidSchedule."""
    changes = {
        "output": request.output and filled(request.output, tick),
        "inputs": _filled_inputs(request.inputs, tick),
        "name": request.name and filled(request.name, tick),
    }
    try:
        return JobRequest.model_validate({**request.model_dump(exclude_unset=True), **changes})
    except ValidationError as error:
        what = f"At {tick.isoformat()} the job can't be submitted"
        raise InvalidSchedule(f"{what}: {error.errors()[0]['msg']}.") from None


def filled(text: str, tick: datetime) -> str:
    """The text with the tick's dates. Raises InvalidSchedule: braces hold something else.

    >>> filled("files:counts/{date}/", datetime(2026, 11, 24, 3, tzinfo=UTC))
    'files:counts/2026-11-24/'
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in FORMATS:
            known = " and ".join(f"{{{known}}}" for known in FORMATS)
            raise InvalidSchedule(f"{match[0]} in {text!r} stands for nothing: there are {known}.")
        return FORMATS[name](tick)

    return _BRACES.sub(value, text)


def check_outputs_differ(request: JobRequest, ticks: Ticks, now: float) -> None:
    """See that no tick would find the output of the one before. Raises InvalidSchedule."""
    if request.output is None or request.overwrite:
        return
    following = map(ticks.local, islice(ticks.after(now), LOOKED_AT))
    for earlier, later in pairwise(following):
        if filled(request.output, earlier) == filled(request.output, later):
            same = f"At {earlier.isoformat(' ', 'minutes')} and {later.isoformat(' ', 'minutes')} the output would be"
            raise InvalidSchedule(
                f"{same} the same, {filled(request.output, later)}: write {{date}} or {{scheduled}} into it, or leave "
                "the output with the job."
            )


def _filled_inputs(inputs: Inputs, tick: datetime) -> Inputs:
    if isinstance(inputs, dict):
        return {name: [filled(place, tick) for place in places] for name, places in inputs.items()}
    return [filled(place, tick) for place in inputs]
