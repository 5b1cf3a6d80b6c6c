"""`python -m fanfold_web.awaiting URL`: wait until a URL answers with 200, before a program starts that won't wait."""

import sys
import time
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

PAUSE, TIMEOUT = 0.5, 5.0  # seconds
SAY_AGAIN = 30.0  # seconds

_OPENER = build_opener(ProxyHandler({}))  # it is inside the cluster: no proxy


def wait_for(url: str) -> None:
    """Return once the URL answers with 200; say on stderr, again and again, what keeps it from that."""
    said = 0.0
    while (problem := _problem(url)) is not None:
        if time.monotonic() - said > SAY_AGAIN:
            print(f"waiting for {url}: {problem}", file=sys.stderr, flush=True)
            said = time.monotonic()
        time.sleep(PAUSE)


def _problem(url: str) -> str | None:
    """Why it isn't there; None if it is."""
    try:
        with _OPENER.open(url, timeout=TIMEOUT) as answer:
            return None if answer.status == 200 else f"HTTP {answer.status}"
    except URLError as error:
        return str(error.reason)
    except (HTTPException, OSError) as error:
        return str(error) or type(error).__name__


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m fanfold_web.awaiting URL")
    try:
        wait_for(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
