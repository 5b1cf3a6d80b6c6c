"""Responses that carry bytes: all of them or one range, with an ETag (RFC 9110)."""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from fanfold_steps.failure.wording import quantity
from fanfold_submit.http.problems import refusals
from fanfold_submit.refusals import PreconditionFailed, RangeNotSatisfiable
from fanfold_web.http.openapi import content, header_parameters, headers
from fanfold_web.http.problems import Responses
from fanfold_web.refusals import Refusal

CONDITIONS = header_parameters("Range", "If-Range", "If-Match", "If-None-Match")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Content:
    """What a response carries: `read(start, stop)` yields exactly these bytes; `close` is called at the end."""

    size: int
    etag: str
    media_type: str
    read: Callable[[int, int], Iterator[bytes]]
    close: Callable[[], object] = lambda: None


def in_ranges(*media_types: str, refused: Iterable[type[Refusal]] = ()) -> dict[str, Any]:
    """What a route declares that answers a GET by `serve`, and is also `refused` for other reasons."""
    part = {"description": "The range that was asked for", **content(*media_types)}
    part |= headers("ETag", "Accept-Ranges", "Cache-Control", "Content-Range")
    answers = unread(content(*media_types)) | {206: part}
    return {
        "response_class": Response,
        "openapi_extra": {"parameters": CONDITIONS},
        "responses": answers | refusals(*refused, PreconditionFailed, RangeNotSatisfiable),
    }


def unread(body: dict[str, Any] | None = None) -> Responses:
    """What a HEAD may get, which has no body."""
    kept = headers("ETag", "Accept-Ranges", "Cache-Control")
    return {200: {"description": "All of it", **(body or {}), **kept}, 304: {"description": "As it was", **kept}}


def serve(request: Request, content: Content) -> Response:
    """The response to a GET or HEAD, as its headers ask for.

    The first bytes are read before the head is sent, so an error by then gets a response of its own. A later one closes
    the connection, since the head has promised more bytes.

    Raises:
        RangeNotSatisfiable: the range begins after the end.
        PreconditionFailed: If-Match names another ETag.
        Refusal, StorageError: the bytes can't be read.
    """
    try:
        response = _response(request, content)
    except BaseException:
        content.close()
        raise
    if not isinstance(response, StreamingResponse):
        content.close()
    return response


def demand_preconditions(request: Request, etag: str | None) -> None:
    """Obey If-Match and If-None-Match of a request that changes what has this ETag; None if there is nothing yet.

    Raises PreconditionFailed.
    """
    match, none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if match is not None and (etag is None or (match.strip() != "*" and etag not in _tags(match, weak=False))):
        found = f"the current ETag is {etag}" if etag else "nothing is stored there"
        raise PreconditionFailed(f"If-Match asks for {match[:100]}, but {found}. Read it again.")
    if none_match is not None and etag is not None and (none_match.strip() == "*" or etag in _tags(none_match)):
        found = f"the current ETag is {etag}"
        raise PreconditionFailed(f"If-None-Match excludes {none_match[:100]}, but {found}. Read it again.")


def _response(request: Request, content: Content) -> Response:
    if "If-Match" in request.headers:
        demand_preconditions(request, content.etag)
    headers = {"ETag": content.etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    none_match = request.headers.get("If-None-Match", "")
    if content.etag in _tags(none_match) or none_match.strip() == "*":
        return Response(status_code=304, headers=headers)
    start, stop, status = 0, content.size, 200
    header = request.headers.get("Range")
    is_current = request.headers.get("If-Range", content.etag) == content.etag
    selection = parse(header, content.size) if header and request.method == "GET" and is_current else None
    if selection:
        (start, stop), status = selection, 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD" or start == stop:
        return Response(status_code=status, headers=headers, media_type=content.media_type)
    chunks = content.read(start, stop)  # the first one is read now: see `serve`
    body = _closing(chain([next(chunks)], chunks), content.close)
    return StreamingResponse(body, status, headers, content.media_type)


async def _closing(chunks: Iterator[bytes], close: Callable[[], object]) -> AsyncIterator[bytes]:
    """Chunks that are read in threads; calls `close` at the end, and also if the client disconnects."""
    try:
        async for chunk in iterate_in_threadpool(chunks):
            yield chunk
    finally:
        close()


def parse(header: str, size: int) -> tuple[int, int] | None:
    """The range as (start, stop), or None if the header is not one range of bytes, so that all are served.

    Raises RangeNotSatisfiable.

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
        what = f"The range {header!r} is outside the content, which has {quantity(size, 'byte')}"
        raise RangeNotSatisfiable(f"{what}. Ask for an earlier range.", size=size)
    return start, stop


def _tags(header: str, *, weak: bool = True) -> set[str]:
    """The ETags in a header; weak ones count where only the bytes' being served or not depends on them."""
    tags = {tag.strip() for tag in header.split(",")}
    return {tag.removeprefix("W/") for tag in tags} if weak else tags
