"""Read a long response to its end, however often the connection breaks."""

from collections.abc import Iterator

import httpx

from fanfold_client.api.problems import Away, Conflict
from fanfold_client.api.transport import TRIES, Transport


def download(transport: Transport, path: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The body of the response to a GET, or its bytes from `start` to before `stop`.

    After a break it resumes there, as long as attempts make progress.

    Raises:
        Conflict: the content was replaced while it was being read.
        Away: too many attempts in a row brought nothing.
    """
    if stop is not None and stop <= start:
        return
    position, total, etag, fruitless = start, stop or -1, "", 0
    last = "" if stop is None else str(stop - 1)
    while True:
        headers = {"Accept-Encoding": "identity"}
        if position or last:
            headers["Range"] = f"bytes={position}-{last}"
            headers |= {"If-Range": etag} if etag else {}
        with transport.stream(path, headers=headers) as response:
            if "Range" in headers and response.status_code != httpx.codes.PARTIAL_CONTENT:
                raise Conflict(f"{transport.url}{path} was replaced while it was being read: fetch it again")
            if not etag:
                etag = response.headers.get("ETag", "")
            if total < 0:
                total = position + int(response.headers.get("Content-Length", -1 - position))
            try:
                for chunk in response.iter_raw():
                    position, fruitless = position + len(chunk), 0
                    yield chunk
                return
            except httpx.TransportError as error:
                if position == total:
                    return
                fruitless += 1
                if fruitless == TRIES:
                    raise Away(f"{transport.url} disconnected {TRIES} times at byte {position} of {path}") from error
