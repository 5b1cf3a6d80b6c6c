"""For which Python and which platform packages are chosen: this machine's, or those of the image that pods run."""

import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from fanfold.errors import Refused

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.tags import Tag

_GLIBC = (17, 28, *range(31, 41))
"""Minor versions of glibc with a platform of their own in uv."""
_OLDEST_GLIBC = 5  # that a wheel can name
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_MUSL, _MACOS = 2, (13, 0)  # what uv takes for granted


@dataclass(frozen=True, slots=True)
class Target:
    """A Python, as `3.13` or `3.13.5`, and a platform by its name in uv (`--python-platform`)."""

    python: str
    platform: str

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"

    @property
    def minor(self) -> str:
        """The version of Python that wheels are made for: `3.13`."""
        return ".".join(self.python.split(".")[:2])

    def full(self, unknown: int) -> str:
        """The whole version of Python, as `3.13.5`, with a number to assume for the last if it isn't known."""
        return self.python if self.python != self.minor else f"{self.minor}.{unknown}"

    def markers(self) -> "Environment":
        """What the markers of requirements (`sys_platform == "linux"`) are compared with."""
        system = "Darwin" if self._system == "apple-darwin" else "Linux"
        found = {
            "implementation_name": "cpython",
            "implementation_version": self.full(unknown=0),
            "os_name": "posix",
            "platform_machine": self._machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": self.full(unknown=0),
            "python_version": self.minor,
            "sys_platform": system.lower(),
        }
        return cast("Environment", found)

    def tags(self) -> Iterator["Tag"]:
        """The tags of wheels that fit, the best first."""
        from packaging.tags import compatible_tags, cpython_tags

        major, minor = map(int, self.minor.split("."))
        platforms = list(self._platform_tags())
        yield from cpython_tags((major, minor), platforms=platforms)
        yield from compatible_tags((major, minor), f"cp{major}{minor}", platforms)

    def _platform_tags(self) -> Iterator[str]:
        from packaging.tags import mac_platforms

        if self._system == "apple-darwin":
            yield from mac_platforms(_MACOS, self._machine)
            return
        if glibc := re.fullmatch(r"manylinux_2_(\d+)", self._system):
            for minor in range(int(glibc[1]), _OLDEST_GLIBC - 1, -1):
                yield f"manylinux_2_{minor}_{self._machine}"
                if minor in _LEGACY:
                    yield f"{_LEGACY[minor]}_{self._machine}"
        elif self._system == "unknown-linux-musl":
            yield from (f"musllinux_1_{minor}_{self._machine}" for minor in range(_MUSL, -1, -1))
        yield f"linux_{self._machine}"

    @property
    def _system(self) -> str:
        return self.platform.partition("-")[2]

    @property
    def _machine(self) -> str:
        machine = self.platform.partition("-")[0]
        return "arm64" if machine == "aarch64" and self._system == "apple-darwin" else machine


PYTHON = r"3\.\d{1,2}(\.\d{1,3})?"
PLATFORM = r"(x86_64|aarch64)-(manylinux_2_(17|28|3[1-9]|40)|unknown-linux-musl|apple-darwin)"
"""Those that can be asked for."""


def target(python: str, platform: str) -> Target:
    """A target that somebody asked for. Raises Refused."""
    if not re.fullmatch(PYTHON, python, re.ASCII):
        raise Refused(f"the image's Python is a version like {STEPS_IMAGE.python}, not {python!r:.80}")
    if not re.fullmatch(PLATFORM, platform, re.ASCII):
        raise Refused(
            f"the image's platform is like {STEPS_IMAGE.platform} or aarch64-unknown-linux-musl, not {platform!r:.80}"
        )
    return Target(python, platform)


STEPS_IMAGE = Target("3.13", "x86_64-manylinux_2_36")
"""What `argo/images/fanfold.Containerfile` builds on: Python's image on Debian 12."""


@cache
def this_machine() -> Target:
    """The Python that runs this, and its platform."""
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    return Target(platform.python_version().rstrip("+"), f"{machine}-{_system_here()}")


def _system_here() -> str:
    if sys.platform == "darwin":
        return "apple-darwin"
    library, version = platform.libc_ver()
    if library != "glibc":
        return "unknown-linux-musl"
    minor = int(version.split(".")[1])
    return f"manylinux_2_{max((known for known in _GLIBC if known <= minor), default=_GLIBC[0])}"
