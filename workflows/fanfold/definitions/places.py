"""The places of a job that is defined, not run: URLs, in which Argo may still have to fill in its variables."""

import re
from collections.abc import Mapping, Sequence

from fanfold.definitions.options import Place, Places
from fanfold.engines.argo.pods import PodSettings, check_place
from fanfold.errors import Refused
from fanfold_steps.inputs.splits import InvalidInputs, inputs_by_name
from fanfold_steps.job.spec import Inputs, JobSpec

_VARIABLE = re.compile(r"\{\{[^{}]*\}\}")


def has_variable(text: str) -> bool:
    """Whether Argo will fill in a part of the text.

    >>> has_variable("s3://b/{{workflow.uid}}/"), has_variable("s3://b/{a,b}/")
    (True, False)
    """
    return bool(_VARIABLE.search(text))


def input_parameters(spec: JobSpec, places: Places | None, pods: PodSettings) -> dict[str, str | None]:
    """The parameters for the job's inputs and their values, which a comma separates; None: they aren't known yet.

    Raises:
        Refused: a place is none that pods can reach, or the names don't fit the job's.
    """
    if places is None:
        return {input_parameter(name): None for name in spec.inputs or [""]}
    given: Inputs
    if isinstance(places, Mapping):
        given = {name: _urls(place, pods) for name, place in places.items()}
    else:
        given = _urls(places, pods)
    try:
        named = inputs_by_name(spec, given)
    except InvalidInputs as error:
        raise Refused(str(error).replace("--input ", "input=")) from error
    return {input_parameter(name): ",".join(urls) for name, urls in named.items()}


def input_parameter(name: str) -> str:
    """The Workflow's parameter for an input of this name; '' is an input without one."""
    return f"input-{name}" if name else "input"


def checked_url(what: str, url: str, pods: PodSettings) -> str:
    """The URL of a place, which pods can reach as far as that can be known. Raises Refused."""
    if not isinstance(url, str):
        raise Refused(f"{what} must be a URL, not {url!r:.80}")
    fixed = _VARIABLE.split(url)[0]
    if "{{" in _VARIABLE.sub("", url):
        mend = "write its inner braces as several patterns"
        raise Refused(f"{what} {url} contains '{{{{', which Argo would treat as a variable: {mend}")
    if re.search(r",\s*(?:s3|file):/", url) or any(ord(letter) < 32 for letter in url):
        raise Refused(f"{what} {url!r:.200} is more than one place: name them in a list")
    if not fixed:
        return url  # all of it is a variable
    if not re.match(r"s3://[^/]|file:///", fixed):
        raise Refused(f"{what} {url} is not a place that pods can reach: write s3://BUCKET/PATH or file:///PATH")
    is_cut = fixed != url and not fixed.startswith(f"file://{pods.mount}/")  # where it leads, only Argo will know
    check_place(what, f"file://{pods.mount}/" if is_cut and fixed.startswith("file:") else fixed, pods)
    return url


def folder(what: str, url: str, pods: PodSettings) -> str:
    """As `checked_url`, of a folder: with a slash at the end."""
    return f"{checked_url(what, url, pods).rstrip('/')}/"


def _urls(place: Place, pods: PodSettings) -> list[str]:
    urls = place if isinstance(place, Sequence) and not isinstance(place, str) else [place]
    return [checked_url("the input", url, pods) for url in urls]
