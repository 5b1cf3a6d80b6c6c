"""A request's body as a stream: the event loop reads its chunks, and a thread, which storage may block, writes them."""

import hashlib
from collections.abc import Callable, Iterator

import anyio
from fastapi import Request
from starlette.types import Scope

from fanfold_steps.failure.wording import quantity
from fanfold_submit.refusals import UploadStalled
from fanfold_web.refusals import BadRequest, IncompleteBody, TooLarge

LARGEST_BODY = 1 << 20  # bytes of a body that is not an upload
_UPLOADS = ("/v1/files/", "/v1/bundles/")
STALLED, LEAST = 60.0, 64 << 10  # an upload is aborted when fewer bytes than that have arrived in so many seconds


class Upload:
    """A body as the chunks that a store writes. Its size and SHA-256 are known once it has been read to the end.

    Reading a body that is too large, stalls or breaks off raises TooLarge, UploadStalled or IncompleteBody, so that the
    writer discards what it has.
    """

    def __init__(self, request: Request, largest: int, at_end: Callable[[], None] = lambda: None) -> None:
        """`at_end` is called once all has arrived, before the writer lets it appear; what it raises discards it."""
        for header in ("Content-Range", "Content-Encoding"):
            if request.headers.get(header, "identity") != "identity":
                raise BadRequest(f"An upload with {header} would be stored as sent. Send the whole file, unencoded.")
        self._at_end = at_end
        announced = request.headers.get("Content-Length", "")
        self._announced = int(announced) if announced.isascii() and announced.isdigit() else None
        self._largest = largest
        self._stream = request.stream()
        self._hash = hashlib.sha256()
        self._patience, self._awaited = STALLED, LEAST
        self.size = 0
        self._check(self._announced or 0)

    @property
    def sha256(self) -> str:
        """The SHA-256 of what has been read, in hex."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The chunks, for a thread that `Slots.run` started."""
        while chunk := anyio.from_thread.run(self._next):
            self.size += len(chunk)
            self._check(self.size)
            self._hash.update(chunk)
            yield chunk
        if self._announced not in {None, self.size}:
            detail = (
                f"Only {self.size} of {quantity(self._announced, 'byte')} arrived. Nothing was written; send it again."
            )
            raise IncompleteBody(detail)
        self._at_end()

    async def _next(self) -> bytes:
        """The next chunk that is not empty; an empty one at the end."""
        try:
            began = anyio.current_time()
            with anyio.fail_after(self._patience):
                async for chunk in self._stream:
                    if chunk:
                        self._note(len(chunk), anyio.current_time() - began)
                        return chunk
        except TimeoutError:
            detail = f"Less than {LEAST >> 10} KiB arrived in {STALLED:.0f} s. Nothing was written; send it again."
            raise UploadStalled(detail) from None
        return b""

    def _note(self, size: int, seconds: float) -> None:
        """Wait longer once enough has arrived: single bytes buy no time. How long the store takes doesn't count."""
        self._patience, self._awaited = self._patience - seconds, self._awaited - size
        if self._awaited <= 0:
            self._patience, self._awaited = STALLED, LEAST

    def _check(self, size: int) -> None:
        if size > self._largest:
            raise TooLarge(
                f"The body is larger than {self._largest} bytes, the most this service accepts here. Send less."
            )


def limit(scope: Scope) -> int | None:
    """How many bytes a request's body may have; None for an upload, which counts its own."""
    is_upload = scope["method"] == "PUT" and scope["path"].startswith(_UPLOADS)
    return None if is_upload else LARGEST_BODY
