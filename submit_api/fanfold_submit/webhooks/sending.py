"""Sends one message to the address that was checked: no proxy, no redirect, nothing read but the status.

However the other side behaves, an attempt ends within TIMEOUT.
"""

import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv6Address

from fanfold_submit.webhooks.targets import PORTS, Address, Target

TIMEOUT = 15.0  # seconds for an attempt in all
CONNECT_TIMEOUT = 5.0


class NotDelivered(Exception):
    """The message wasn't taken; the words are for the job's owner."""


def send(target: Target, address: Address, body: bytes, headers: Mapping[str, str]) -> None:
    """Post a body. Raises NotDelivered unless it is answered with 2xx."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    named = host if target.port == PORTS[target.scheme] else f"{host}:{target.port}"
    try:
        with _connected(target, address) as connection:
            timer = threading.Timer(TIMEOUT, _cut, [connection])
            timer.start()
            try:
                status = _post(connection, target.path, body, {**headers, "Host": named})
            finally:
                timer.cancel()
    except ssl.SSLError as error:
        raise NotDelivered(f"TLS with {target.host} failed: {error.reason or error}") from None
    except (OSError, HTTPException, ValueError) as error:
        what = str(error) or type(error).__name__
        raise NotDelivered(f"{target.host} gave no answer: {what[:200]}") from None
    if 300 <= status < 400:
        raise NotDelivered(f"{target.host} answered with {status}; redirects aren't followed")
    if not 200 <= status < 300:
        raise NotDelivered(f"{target.host} answered with {status}")


def _connected(target: Target, address: Address) -> socket.socket:
    """A connection to the address; by https, with whoever has a certificate for the host."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.settimeout(CONNECT_TIMEOUT)
        plain.connect((str(address), target.port))
        if target.scheme == "http":
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


def _post(connection: socket.socket, path: str, body: bytes, headers: Mapping[str, str]) -> int:
    connection.settimeout(TIMEOUT)
    http = HTTPConnection("unused")
    http.sock = connection
    http.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
        http.putheader(name, value)
    http.endheaders(body)
    return http.getresponse().status


def _cut(connection: socket.socket) -> None:
    """End a connection over which bytes come one by one."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
