"""For which Python and which platform packages are chosen: this machine's, or those of the image that pods run."""

import platform
import sys
from dataclasses import dataclass

_GLIBC = (17, 28, *range(31, 41))  # minor versions of the platforms that uv knows


@dataclass(frozen=True, slots=True)
class Target:
    """A Python, as `3.13` or `3.13.5`, and a platform by its name in uv (`--python-platform`)."""

    python: str
    platform: str

    @property
    def minor(self) -> str:
        """The version of Python that wheels are made for."""
        return ".".join(self.python.split(".")[:2])

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"


STEPS_IMAGE = Target("3.13", "x86_64-manylinux_2_36")
"""What `argo/images/fanfold.Containerfile` builds on: Python's image on Debian 12."""


def this_machine() -> Target:
    """The Python that runs this, and its platform."""
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    return Target(platform.python_version().rstrip("+"), f"{machine}-{_system()}")


def _system() -> str:
    if sys.platform == "darwin":
        return "apple-darwin"
    library, version = platform.libc_ver()
    if library != "glibc":
        return "unknown-linux-musl"
    minor = int(version.split(".")[1])
    return f"manylinux_2_{max((known for known in _GLIBC if known <= minor), default=_GLIBC[0])}"
