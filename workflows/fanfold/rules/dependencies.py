"""The rules for a job's packages: what a list of wheels may hold, whoever wrote it."""

import re
from collections.abc import Iterator

from fanfold_steps.job.dependencies import Dependencies, Wheel

MOST_WHEELS = 100
LARGEST_TOTAL = 4 << 30  # bytes
_PYTHON = re.compile(r"3\.\d{1,3}", re.ASCII)
_PLATFORM = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)
# PEP 427: {distribution}-{version}(-{build})?-{python}-{abi}-{platform}.whl
_WHEEL = re.compile(r"[\w.]{1,128}-[\w.!+]{1,64}(-\d[\w.]{0,32})?-[\w.]{1,64}-[\w.]{1,64}-[\w.]{1,255}\.whl", re.ASCII)
_LONGEST_NAME = 255
_SHA256 = re.compile("[0-9a-f]{64}")


def dependency_problems(dependencies: Dependencies) -> Iterator[str]:
    """What is wrong with a job's dependencies, in words.

    >>> next(dependency_problems(Dependencies("3.13", "linux", [Wheel("../x.whl", "0" * 64, 1)])))
    "a wheel is named like regex-2026.1-cp313-cp313-linux_x86_64.whl, not '../x.whl'"
    """
    if not _PYTHON.fullmatch(dependencies.python):
        yield f"python is a version like 3.13, not {dependencies.python!r:.80}"
    if not _PLATFORM.fullmatch(dependencies.platform):
        yield f"platform is a name like x86_64-manylinux_2_36, not {dependencies.platform!r:.80}"
    if len(dependencies.wheels) > MOST_WHEELS:
        yield (
            f"{len(dependencies.wheels)} wheels are more than the {MOST_WHEELS} that a job can bring: put the packages "
            "into an image of your own"
        )
        return
    for wheel in dependencies.wheels:
        yield from _wheel_problems(wheel)
    names = [wheel.name for wheel in dependencies.wheels]
    if twice := next((name for name in names if names.count(name) > 1), None):
        yield f"{twice} is listed twice"
    if dependencies.total > LARGEST_TOTAL:
        yield (
            f"all wheels together have {dependencies.total:,} bytes, more than the {LARGEST_TOTAL:,} that a job can "
            "bring: put the packages into an image of your own"
        )


def _wheel_problems(wheel: Wheel) -> Iterator[str]:
    if len(wheel.name) > _LONGEST_NAME or not _WHEEL.fullmatch(wheel.name):
        yield f"a wheel is named like regex-2026.1-cp313-cp313-linux_x86_64.whl, not {wheel.name!r:.80}"
    if not _SHA256.fullmatch(wheel.sha256):
        yield f"the sha256 of {wheel.name:.80} has 64 lower-case hex digits, not {wheel.sha256!r:.80}"
    if wheel.size <= 0:
        yield f"the size of {wheel.name:.80} is a number of bytes, 1 or more, not {wheel.size}"
