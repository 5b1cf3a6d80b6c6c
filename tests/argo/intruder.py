"""A job whose code tries to reach what it mustn't. Each line of input is one try, as JSON; it yields what came of it.

It runs in a pod, where only the steps are installed.
"""

import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from fanfold import Job
from fanfold_storage.urls import open_objects

SECONDS = 4.0
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def read(root: str, key: str) -> str:
    return b"".join(open_objects(root).read(key)).decode()


def listing(root: str, prefix: str, theirs: list[str]) -> str:
    """What is listed of others: their ids and the names of their code stand in the keys."""
    found = [stat.key for stat in open_objects(root).list(prefix)]
    others = [key for key in found if any(name in key for name in theirs)]
    if not others:
        raise LookupError("only its own")
    return " ".join(others)


def write(root: str, key: str) -> str:
    open_objects(root).put(key, [b"mine now"])
    return "written"


def create(root: str, key: str) -> str:
    return f"created: {open_objects(root).put_if_absent(key, b'mine now')}"


def delete(root: str, key: str) -> str:
    store = open_objects(root)
    store.stat(key)  # deleting what isn't there succeeds
    store.delete(key)
    return "deleted"


def read_path(path: str) -> str:
    return Path(path).read_text()


def list_path(path: str) -> str:
    return " ".join(os.listdir(path))


def write_path(path: str) -> str:
    return str(Path(path).write_text("mine now"))


def change_own_code() -> str:
    (code,) = [path for path in Path("/data/bundles").rglob("*") if path.is_file()]
    return str(code.write_bytes(b"mine now"))


def through_link(link: str, target: str) -> str:
    place = Path(link)
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    return place.read_text()


def hard_link(link: str, target: str) -> str:
    os.link(target, link)
    return "linked"


def environment(names: list[str]) -> str:
    found = {name: value for name, value in os.environ.items() if any(part in name for part in names)}
    if not found:
        raise LookupError("not in the environment")
    return str(sorted(found))


def service_key(prefix: str) -> str:
    key = os.environ.get("AWS_ACCESS_KEY_ID", "")
    if not key.startswith(prefix):
        raise LookupError("not in the environment")
    return key


def others_environment() -> str:
    own = Path("/proc/self/environ").read_bytes()
    found = {file.parent.name for file in Path("/proc").glob("[0-9]*/environ") if file.read_bytes() not in (b"", own)}
    secret = [pid for pid in found if b"ETCDCTL" in Path(f"/proc/{pid}/environ").read_bytes()]
    if not secret:
        raise LookupError("no process of others")
    return " ".join(secret)


def token() -> str:
    return TOKEN.read_text()


def fetch(url: str) -> str:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    body = b'{"key":"AA==","range_end":"AA=="}' if "/v3/kv" in url else None
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=SECONDS, context=trusting) as answer:
        return str(answer.read(200))


def connect(host: str, port: int) -> str:
    socket.create_connection((host, port), SECONDS).close()
    return "connected"


def more_credentials(place: str) -> str:
    from fanfold_storage.urls import session_credentials

    return str(sorted(session_credentials(os.environ, {place: True}, 3600)))


def become_root() -> str:
    os.setuid(0)
    return "root"


TRIES: dict[str, Callable[..., str]] = {
    each.__name__: each
    for each in (
        read, listing, write, create, delete, read_path, list_path, write_path, change_own_code, through_link,
        hard_link, environment, service_key, others_environment, token, fetch, connect, more_credentials, become_root,
    )
}  # fmt: skip


def attempt(line: str):
    wanted = json.loads(line)
    try:
        outcome = f"REACHED {TRIES[wanted['try']](*wanted['with'])[:300]!r}"
    except urllib.error.HTTPError as error:
        outcome = f"HTTP {error.code}"
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    yield wanted["what"], " ".join(outcome.split())


job = Job(map=attempt)
