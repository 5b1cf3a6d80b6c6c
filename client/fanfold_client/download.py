"""Read a long answer to its end, however often the connection breaks."""

from collections.abc import Iterator

import httpx

from fanfold_client.problems import Away, Conflict
from fanfold_client.transport import TRIES, Transport


def download(transport: Transport, path: str) -> Iterator[bytes]:
    """The body of a GET. After a break it is asked for from where it stopped, as long as tries bring something.

    Raises:
        Conflict: what lies there was replaced while it was read.
    """
    position, total, etag, fruitless = 0, -1, "", 0
    while True:
        headers = {"Accept-Encoding": "identity"}
        if position:
            headers["Range"] = f"bytes={position}-"
            headers |= {"If-Range": etag} if etag else {}
        with transport.stream(path, headers=headers) as response:
            if position and response.status_code != httpx.codes.PARTIAL_CONTENT:
                raise Conflict(f"{transport.url}{path} was replaced while it was read: fetch it again")
            if not position:
                etag, total = response.headers.get("ETag", ""), int(response.headers.get("Content-Length", -1))
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
                    raise Away(f"{transport.url} broke off {TRIES} times at byte {position} of {path}") from error
