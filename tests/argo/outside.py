"""A machine outside the cluster, behind the node: an address of the world's, and the one of a cloud's metadata.

Only what comes from pods is led there; the machine that the test runs on keeps its own ways.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

WORLD, METADATA = "203.0.113.7", "169.254.169.254"
PORTS = (53, 80, 443)
MACHINE, LINK, THERE = "fanfold-outside", "outside0", "eth0"
NEAR, FAR = "198.51.100.1", "198.51.100.2"
TABLE, PODS = "20310", "cni0"
LISTEN = f"""
import signal, socket
servers = [socket.create_server(("", port)) for port in {PORTS}]
print("listening", flush=True)
signal.pause()
"""


@contextmanager
def outside(program: str = LISTEN) -> Iterator[IO[str]]:
    """It runs a Python program, by default one that listens on `PORTS` of both addresses.

    The program prints "listening" once it does; what it prints after that can be read from what this yields.
    """
    _disconnect()  # if a test that was killed has left it
    _ip("netns", "add", MACHINE)
    try:
        _connect()
        command = ["ip", "netns", "exec", MACHINE, sys.executable, "-c", program]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None and server.stdout.readline() == "listening\n"
                yield server.stdout
            finally:
                server.terminate()
    finally:
        _disconnect()


def _connect() -> None:
    """Like the machine's own: a link of two ends, an address for each, and a way back."""
    _ip("link", "add", LINK, "type", "veth", "peer", "name", THERE, "netns", MACHINE)
    _ip("address", "add", f"{NEAR}/30", "dev", LINK)
    _ip("link", "set", LINK, "up")
    for address in (f"{FAR}/30", f"{WORLD}/32", f"{METADATA}/32"):
        _ip("-n", MACHINE, "address", "add", address, "dev", THERE)
    _ip("-n", MACHINE, "link", "set", THERE, "up")
    _ip("-n", MACHINE, "route", "add", "default", "via", NEAR)
    for address in (WORLD, METADATA):
        _ip("rule", "add", "iif", PODS, "to", address, "lookup", TABLE)
        _ip("route", "add", address, "via", FAR, "table", TABLE)


def _disconnect() -> None:
    """Routes go with the link, and the link with the machine."""
    for address in (WORLD, METADATA):
        _ip("rule", "delete", "iif", PODS, "to", address, "lookup", TABLE, check=False)
    _ip("netns", "delete", MACHINE, check=False)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=not check, timeout=30)
