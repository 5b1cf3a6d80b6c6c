"""Which URLs may be notified, and which addresses their hosts may have.

An operator lists, separated by commas:

    hooks.example.org                    a host, by https on its usual port
    https://hooks.example.org/fanfold/   whatever begins with this; also with a port, and http
    10.20.0.0/16                         addresses that hosts may have, although they aren't public

A host is looked up when a message is sent, and the connection goes to the very address that was checked. So a name
that leads elsewhere a moment later (DNS rebinding) leads nowhere.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from ipaddress import IPv4Network as V4
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = V4 | IPv6Network
LONGEST_URL = 1000  # characters
PORTS = {"http": 80, "https": 443}
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # IPv4 behind a translator (RFC 6052, 8215)


class InvalidTarget(ValueError):
    """A text that isn't a URL that can be notified, or isn't an entry of the list."""


class TargetNotAllowed(Exception):
    """The URL isn't on the operator's list, or its host has no address that messages may be sent to."""


@dataclass(frozen=True, slots=True)
class Target:
    """The URL of a webhook, taken apart."""

    scheme: str
    host: str
    port: int
    path: str  # with the query

    @classmethod
    def of(cls, url: str) -> "Target":
        """A URL taken apart. Raises InvalidTarget.

        >>> Target.of("https://hooks.example.org/a?b=1")
        Target(scheme='https', host='hooks.example.org', port=443, path='/a?b=1')
        """
        if len(url) > LONGEST_URL or not re.fullmatch("[!-~]+", url):
            raise InvalidTarget(f"a URL has 1 to {LONGEST_URL} visible ASCII characters")
        try:
            parts, port = urlsplit(url), urlsplit(url).port
        except ValueError as error:
            raise InvalidTarget(str(error)) from None
        if parts.scheme not in PORTS or not parts.hostname:
            raise InvalidTarget("a URL begins with https://HOST/ or http://HOST/")
        if parts.username is not None or parts.password is not None or parts.fragment or "\\" in url:
            raise InvalidTarget("a URL must have no user, no fragment and no backslash")
        if re.search(r"(^|/)(\.|%2e){1,2}(/|$)", parts.path, re.IGNORECASE):
            raise InvalidTarget("a URL's path must have no `.` and no `..`")
        return cls(parts.scheme, parts.hostname.rstrip("."), port or PORTS[parts.scheme], _path(parts))

    def begins(self, prefix: "Target") -> bool:
        """Whether it is at the place of a prefix, or below."""
        same = (self.scheme, self.host, self.port) == (prefix.scheme, prefix.host, prefix.port)
        folder = prefix.path if prefix.path.endswith("/") else f"{prefix.path}/"
        return same and (self.path.partition("?")[0] == prefix.path or self.path.startswith(folder))


@dataclass(frozen=True, slots=True)
class Targets:
    """The operator's list."""

    entries: Sequence[str] = ()
    _prefixes: list[Target] = field(default_factory=list, init=False)
    _networks: list[Network] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        for entry in self.entries:
            if "://" in entry:
                prefix = Target.of(entry)
                self._prefixes.append(prefix)
                if address := _literal(prefix.host):
                    self._networks.append(ip_network(address))
            elif network := _network(entry):
                self._networks.append(network)
            else:
                self._prefixes.append(Target.of(f"https://{entry}/"))

    def check(self, url: str) -> Target:
        """The URL taken apart, if it is on the list. Raises InvalidTarget, TargetNotAllowed."""
        target = Target.of(url)
        if not any(target.begins(prefix) for prefix in self._prefixes):
            raise TargetNotAllowed(f"{target.scheme}://{target.host}:{target.port} is not on the operator's list")
        return target

    def address(self, target: Target) -> Address:
        """The address to connect to. Raises TargetNotAllowed: none is allowed; OSError: it has none."""
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        allowed = [address for address in addresses if self._may_reach(address)]
        if not allowed:
            raise TargetNotAllowed(f"{target.host} has no address that messages may be sent to: none of them is public")
        return allowed[0]

    def _may_reach(self, address: Address) -> bool:
        plain = _unwrapped(address)
        return any(plain in network for network in self._networks if network.version == plain.version) or (
            plain.is_global and not plain.is_multicast
        )


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and any(address in network for network in _TRANSLATED):
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def _path(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None
