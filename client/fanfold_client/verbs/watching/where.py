"""Verbs that look at a job in the service or at a run on this machine: an id, or the run's output folder."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fanfold_client.verbs.options import Verb, json_option, profile_option

if TYPE_CHECKING:
    from fanfold.diagnosis.local import LocalRun


def with_run_or_client(verb: Callable[..., Any]) -> Verb:
    """Give a verb `--profile` and `--json`, and pass it `run`, if its `job` is an output, or an open `client`.

    An output is a URL, a path with a slash in it, or a folder that exists; anything else is an id.
    """

    @profile_option
    @json_option
    @functools.wraps(verb)
    def verb_with_either(job: str, profile: str | None, **arguments: Any) -> Any:
        if "/" in job or (job and Path(job).is_dir()):  # an empty path is that of this folder
            return verb(job=job, run=_run_at(job), client=None, **arguments)
        from fanfold_client.client import Client

        with Client(profile=profile) as client:
            return verb(job=job, run=None, client=client, **arguments)

    return verb_with_either


def _run_at(place: str) -> "LocalRun":
    from fanfold.diagnosis.local import LocalRun
    from fanfold.foreground.places import folder_url

    return LocalRun.at(folder_url(place))
