"""Where an application may have its users sent back to: which URIs may be registered, and which match one.

A URI must be the registered one, character by character (RFC 9700 §4.1.3). The one exception is RFC 8252 §7.3: a
command listens on any free port, so a loopback address that is registered without a port matches all ports.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from fanfold_auth.openid.refusals import BadClient

MOST, LONGEST = 20, 2000
_URI = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ANY_PORT = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\])):(?:[1-9][0-9]{0,4})(/.*)")


def check(uris: Iterable[str], *, plain_http: bool = False) -> tuple[str, ...]:
    """The URIs, if an application may register them. Raises BadClient.

    With `plain_http`, they may lead to other machines without TLS. Codes and passwords can be read on the way then, so
    that is for a cluster on one's own machine, whose nodes have addresses of their own.

    >>> check(["https://argo.example.org/oauth2/callback"])
    ('https://argo.example.org/oauth2/callback',)
    >>> check(["http://192.0.2.7:30003/oauth2/callback"], plain_http=True)
    ('http://192.0.2.7:30003/oauth2/callback',)
    """
    checked = tuple(dict.fromkeys(uris))
    if len(checked) > MOST:
        raise BadClient(f"There are {len(checked)} URIs, more than {MOST}. Register several clients.")
    for uri in checked:
        if why := _objection(uri, plain_http):
            raise BadClient(f"The redirect URI {uri[:200]!r} is not safe: {why}.")
    return checked


def matches(registered: Iterable[str], asked: str) -> bool:
    """Whether a URI is registered.

    >>> matches(["http://127.0.0.1/callback"], "http://127.0.0.1:50123/callback")
    True
    >>> matches(["https://example.org/a"], "https://example.org/a/")
    False
    """
    if asked in registered:
        return True
    found = _ANY_PORT.fullmatch(asked)
    return found is not None and found[1] + found[2] in registered


def origin(uri: str) -> str:
    """Scheme, host and port, as a Content-Security-Policy names them. It can't name an IPv6 address.

    >>> origin("http://127.0.0.1:50123/callback?a=b")
    'http://127.0.0.1:50123'
    >>> origin("http://[::1]:50123/callback")
    'http:'
    """
    parts = urlsplit(uri)
    return f"{parts.scheme}:" if "[" in parts.netloc else f"{parts.scheme}://{parts.netloc}"


def _objection(uri: str, plain_http: bool) -> str:
    if len(uri) > LONGEST or not _URI.fullmatch(uri):
        return f"it must have at most {LONGEST} characters, all of them those of a URI"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "its host or port is not valid"
    if parts.scheme not in ("http", "https") or not uri.startswith(f"{parts.scheme}://") or not host:
        return "use https, or http on a loopback address"
    if parts.scheme == "http" and host not in _LOOPBACK and not plain_http:
        return "use https, or http on a loopback address"
    if "@" in parts.netloc or "*" in parts.netloc or ";" in parts.netloc or "," in parts.netloc:
        return "it may name a host and a port, and nothing else before its path"
    if "#" in uri:
        return "it has a fragment"
    if not parts.path:
        return "it has no path; write at least a slash"
    return ""
