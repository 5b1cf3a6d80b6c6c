"""What a job may ask for: values that pods can be given, and variables that are the job's own."""

import re
from collections.abc import Iterator
from typing import Any

from fanfold_steps.job.policy import problem_of_timeout
from fanfold_steps.job.resources import Resources, Toleration, quantity

Problem = tuple[str, str]
"""The path of a field, and what is wrong with it."""
MOST_CORES, MOST_RETRIES, MOST_ENTRIES = 1024, 20, 100
LONGEST_VALUE = 32 << 10  # characters of an environment variable
LARGEST_ENVIRONMENT = 64 << 10  # characters of all; each kind of pod repeats them, and a Workflow has 1 MiB at most
SMALLEST_MEMORY = 64 << 20  # bytes; Python and a worker's smallest budget need as much
LARGEST_QUANTITY = 1 << 50  # bytes; no node has as much, and sums of it still fit into 64 bits
_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = re.compile("(FANFOLD|AWS|ARGO|KUBERNETES)_.*|PYTHONHASHSEED|TMPDIR")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL}")
_LABEL_VALUE = re.compile(rf"({_LABEL})?")
_NAME = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_SECRET = re.compile(rf"{_NAME}/[A-Za-z0-9._-]{{1,253}}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}")


def resources_problems(resources: Resources) -> Iterator[Problem]:
    """What is wrong with the resources of a job or a stage.

    >>> list(resources_problems(Resources(cpu=2, memory="4 sticks")))
    [('resources.memory', "must be a quantity of at least 64Mi, such as '4Gi', not '4 sticks'")]
    """
    cpu, retries, deadline = resources.cpu, resources.retries, resources.deadline
    if cpu is not None and not (type(cpu) in (int, float) and 0.01 <= cpu <= MOST_CORES):
        yield "resources.cpu", f"must be a number of cores from 0.01 to {MOST_CORES:,}, not {cpu!r:.80}"
    for name, least, words in (("memory", SMALLEST_MEMORY, " of at least 64Mi"), ("ephemeral_storage", 1, "")):
        text = getattr(resources, name)
        number = quantity(text) if isinstance(text, str) else None
        if text is not None and (number is None or number < least):
            yield f"resources.{name}", f"must be a quantity{words}, such as '4Gi', not {text!r:.80}"
        elif number is not None and number > LARGEST_QUANTITY:
            yield f"resources.{name}", f"must be a quantity of at most 1024Ti, not {text!r:.80}"
    if retries is not None and not (type(retries) is int and 0 <= retries <= MOST_RETRIES):
        yield "resources.retries", f"must be a number from 0 to {MOST_RETRIES}, not {retries!r:.80}"
    if deadline is not None and (problem := problem_of_timeout(deadline)):
        yield "resources.deadline", f"must be {problem}"
    if resources.priority is not None and not _matches(re.compile(_NAME), resources.priority):
        yield "resources.priority", f"must be the name of a PriorityClass, not {resources.priority!r:.80}"
    yield from _node_problems(resources)
    yield from _environment_problems(resources)


def image_problem(image: object) -> str | None:
    """What is wrong with the name of an image; None if it is valid.

    >>> image_problem("registry.example.org/team/steps:3"), image_problem("my image")
    (None, "must be an image's name, such as registry.example.org/team/steps:3, not 'my image'")
    """
    if _matches(_IMAGE, image):
        return None
    return f"must be an image's name, such as registry.example.org/team/steps:3, not {image!r:.80}"


def _node_problems(resources: Resources) -> Iterator[Problem]:
    place = "resources.node_selector"
    if not isinstance(resources.node_selector, dict) or len(resources.node_selector) > MOST_ENTRIES:
        yield place, f"must map labels of nodes to their values, {MOST_ENTRIES} at most"
        return
    for key, value in resources.node_selector.items():
        if not _matches(_LABEL_KEY, key) or not _matches(_LABEL_VALUE, value):
            yield place, f"Kubernetes knows no label {key!r:.80} with the value {value!r:.80}: correct it"
    tolerations = resources.tolerations
    if not isinstance(tolerations, list) or len(tolerations) > MOST_ENTRIES:
        yield "resources.tolerations", f"must be a list of Toleration(…), {MOST_ENTRIES} at most"
        return
    for one in tolerations:
        if not isinstance(one, Toleration):
            yield "resources.tolerations", f'must be Toleration("key", effect="NoSchedule"), not {one!r:.80}'
        elif not _matches(_LABEL_KEY, one.key) or not _matches(_LABEL_VALUE, one.value or ""):
            yield "resources.tolerations", f"Kubernetes knows no taint {one.key!r:.80}={one.value!r:.80}: correct it"
        elif one.effect not in (None, "NoSchedule", "PreferNoSchedule", "NoExecute"):
            effects = "NoSchedule, PreferNoSchedule or NoExecute"
            yield "resources.tolerations", f"the effect of {one.key} must be {effects}, not {one.effect!r:.80}"


def _environment_problems(resources: Resources) -> Iterator[Problem]:
    for place, variables in (("resources.env", resources.env), ("resources.secrets", resources.secrets)):
        if not isinstance(variables, dict) or len(variables) > MOST_ENTRIES:
            yield place, f"must map names of environment variables to strings, {MOST_ENTRIES} at most"
            return
        for name, value in variables.items():
            if not _matches(_VARIABLE, name):
                yield place, f"{name!r:.80} can't be the name of an environment variable: use letters, digits and _"
            elif _RESERVED.fullmatch(name):
                yield place, f"{name} is a variable that Fanfold sets itself, or that its store needs: use another name"
            elif place == "resources.env" and not _is_value(value):
                rule = f"a string of at most {LONGEST_VALUE:,} characters without NUL and without '{{{{'"
                yield place, f"{name} must be {rule}, not {value!r:.80}"
            elif place == "resources.secrets" and not _matches(_SECRET, value):
                yield place, f"{name} must name a Secret and its key, as 'my-secret/token', not {value!r:.80}"
    if sum(len(value) for value in resources.env.values() if isinstance(value, str)) > LARGEST_ENVIRONMENT:
        rule = f"all values together have at most {LARGEST_ENVIRONMENT:,} characters"
        yield "resources.env", f"{rule}: put long ones into side files (files=…)"
    if both := [name for name in resources.env if name in resources.secrets]:
        yield "resources.secrets", f"{both[0]} is in `env`, too: leave one of them out"


def _is_value(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_VALUE and "\0" not in value and "{{" not in value


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and bool(pattern.fullmatch(value))
