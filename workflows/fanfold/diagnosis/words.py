"""Findings and skew as lines for people, from the form in which the service tells them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fanfold.terminal.console import number, size

OBVIOUS = frozenset({"nothing", "failed", "waiting", "computing"})
"""Findings that go without saying where a job's state is displayed."""
WORTH_SAYING = 1.5  # times the typical task


def skew_lines(skews: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each step with tasks that differ, and for its heaviest keys.

    >>> seconds = {"typical": 1.0, "largest": 4.0, "index": 7}
    >>> sizes = {"typical": 1024, "largest": 2048, "index": 7}
    >>> skew = {"stage": 0, "step": "map", "committed": 9, "seconds": seconds, "bytes_in": sizes}
    >>> list(skew_lines([{**skew, "keys": [], "values": 0}]))
    ['map: typically 1.0 s, map/7 4.0 s; typically 1.0 KiB to read, map/7 2.0 KiB']
    """
    for skew in skews:
        step = f"{skew['stage']}/{skew['step']}" if skew["stage"] else skew["step"]
        if skew["committed"] > 1:
            seconds, sizes = skew["seconds"], skew["bytes_in"]
            parts = [f"typically {seconds['typical']:.1f} s, {step}/{seconds['index']} {seconds['largest']:.1f} s"]
            if sizes["largest"] > WORTH_SAYING * sizes["typical"]:
                largest = f"{step}/{sizes['index']} {size(sizes['largest'])}"
                parts.append(f"typically {size(sizes['typical'])} to read, {largest}")
            yield f"{step}: {'; '.join(parts)}"
        if skew["keys"]:
            told = ", ".join(f"{key['key']} {key['values'] / skew['values']:.0%}" for key in skew["keys"])
            yield f"{step}: heaviest keys of {number(skew['values'])} values: {told}"


def finding_line(finding: Mapping[str, Any], job: str) -> str:
    """A finding in one line, with the job's name in the commands that it suggests."""
    return f"{finding['message']} {finding['change']}".strip().replace("fanfold logs ID", f"fanfold logs {job}")
