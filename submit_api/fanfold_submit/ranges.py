"""Answers that carry bytes: whole or one range of them, with an ETag (RFC 9110)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from fanfold_submit.kinds import RANGE_NOT_SATISFIABLE
from fanfold_submit.problems import Problem

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Content:
    """What may be served: `read(start, stop)` yields its bytes."""

    size: int
    etag: str
    media_type: str
    read: Callable[[int, int], Iterator[bytes]]


def serve(request: Request, content: Content) -> Response:
    """The answer to a GET or HEAD, as its headers ask for. Raises Problem (416)."""
    headers = {"ETag": content.etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if content.etag in _tags(request.headers.get("If-None-Match")):
        return Response(status_code=304, headers=headers)
    start, stop, status = 0, content.size, 200
    wanted = request.headers.get("Range")
    if wanted and request.method == "GET" and request.headers.get("If-Range", content.etag) == content.etag:
        asked = parse(wanted, content.size)
        if asked:
            (start, stop), status = asked, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD" or start == stop:
        return Response(status_code=status, headers=headers, media_type=content.media_type)
    return StreamingResponse(content.read(start, stop), status, headers, content.media_type)


def parse(header: str, size: int) -> tuple[int, int] | None:
    """The range as (start, stop); None if it isn't one range of bytes, which is served whole. Raises Problem (416).

    >>> parse("bytes=2-4", 10), parse("bytes=8-", 10), parse("bytes=-3", 10), parse("bytes=0-1,3-4", 10)
    ((2, 5), (8, 10), (7, 10), None)
    """
    match = _RANGE.fullmatch(header.strip())
    if not match or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= stop:
        detail = f"The range {header!r} lies outside of the {size} bytes there are: ask for less."
        raise Problem(RANGE_NOT_SATISFIABLE, detail, headers={"Content-Range": f"bytes */{size}"})
    return start, stop


def _tags(header: str | None) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in (header or "").split(",")}
