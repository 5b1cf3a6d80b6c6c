"""A request's body, streamed: read on the event loop chunk by chunk, written by a thread that storage may block."""

import hashlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import anyio
from anyio import CapacityLimiter
from fastapi import Request
from starlette.types import Scope

from fanfold_submit.kinds import UPLOAD_STALLED
from fanfold_submit.problems import Problem
from fanfold_web.kinds import INCOMPLETE_BODY, TOO_LARGE

T = TypeVar("T")
LARGEST_BODY = 1 << 20  # bytes, where the body is no upload
_UPLOADS = ("/v1/files/", "/v1/bundles/")
STALLED = 60.0  # seconds without a byte, after which an upload is given up


class Upload:
    """A body as the chunks that a store's writer takes. Its size and SHA-256 are known once it was read to the end.

    A body that is too large, stalls or breaks off raises while it is read, so that the writer drops what it has.
    """

    def __init__(self, request: Request, largest: int) -> None:
        announced = request.headers.get("Content-Length", "")
        self._announced = int(announced) if announced.isascii() and announced.isdigit() else None
        self._largest = largest
        self._stream = request.stream()
        self._hash = hashlib.sha256()
        self.size = 0
        self._check(self._announced or 0)

    @property
    def sha256(self) -> str:
        """Of what was read, in hex."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The chunks, for a thread started by `in_thread`."""
        while chunk := anyio.from_thread.run(self._next):
            self.size += len(chunk)
            self._check(self.size)
            self._hash.update(chunk)
            yield chunk
        if self._announced not in {None, self.size}:
            detail = f"The body has {self.size} bytes of {self._announced}. Nothing was written: send it again."
            raise Problem(INCOMPLETE_BODY, detail)

    async def _next(self) -> bytes:
        """The next chunk that holds anything; empty at the end."""
        try:
            with anyio.fail_after(STALLED):
                async for chunk in self._stream:
                    if chunk:
                        return chunk
        except TimeoutError:
            raise Problem(
                UPLOAD_STALLED, f"No byte came for {STALLED:.0f} s. Nothing was written: send it again."
            ) from None
        return b""

    def _check(self, size: int) -> None:
        if size > self._largest:
            detail = f"The body is larger than {self._largest} bytes, the most that is accepted here. Send less."
            raise Problem(TOO_LARGE, detail)


def limit(scope: Scope) -> int | None:
    """How many bytes a request's body may have; an upload counts its own."""
    is_upload = scope["method"] == "PUT" and scope["path"].startswith(_UPLOADS)
    return None if is_upload else LARGEST_BODY


async def in_thread(limiter: CapacityLimiter, write: Callable[[], T]) -> T:
    """Run a writer in a thread of its own; `limiter` keeps uploads from taking all threads."""
    return await anyio.to_thread.run_sync(write, limiter=limiter)
