"""The Debian packages that the node needs on the machine: the container runtime, and what the network is made with."""

import os
from collections.abc import Sequence
from pathlib import Path

from .shell import ClusterError, environment, run, say

NODE = ("containerd", "runc", "iptables", "conntrack", "socat", "ipset", "ebtables", "ethtool", "kmod", "nftables")
COMPILER = ("gcc", "libc6-dev")
BROWSER = ("chromium", "fonts-dejavu-core")
"""For the tests of pages, which look alike with the same fonts."""


def install(names: Sequence[str] = (*NODE, *COMPILER, *BROWSER)) -> None:
    """Install what is missing; nothing starts by itself."""
    lacking = missing(names)
    if not lacking:
        return
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        raise ClusterError(f"Packages are missing: {' '.join(lacking)}. They are installed on Debian, as root.")
    say(f"apt: installing {' '.join(lacking)}")
    quiet = environment({"DEBIAN_FRONTEND": "noninteractive"})
    run("apt-get", "update", "-qq", env=quiet)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *lacking, env=quiet)


def missing(names: Sequence[str]) -> list[str]:
    """Those of the packages that are not installed."""
    state = run("dpkg-query", "-W", "-f", "${Package} ${Status}\n", *names, check=False)
    there = {line.split()[0] for line in state.splitlines() if line.endswith(" ok installed")}
    return [name for name in names if name not in there]


def download(names: Sequence[str], into: Path) -> list[Path]:
    """Fetch packages as files, without installing them."""
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob("*.deb"):
        old.unlink()
    try:
        run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *names, cwd=into)
    except ClusterError as failed:
        raise ClusterError(f"{failed}\nThe images are made of Debian 12's packages: build them on Debian 12.") from None
    return sorted(into.glob("*.deb"))
