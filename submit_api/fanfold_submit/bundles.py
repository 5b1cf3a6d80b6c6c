"""Code bundles: zips under the SHA-256 of their bytes, shared by all jobs that name it. Their code never runs here."""

import stat
import unicodedata
import zipfile
import zlib
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from fanfold_storage.errors import NotFound
from fanfold_submit.access import Submitter, Viewer
from fanfold_submit.kinds import INVALID_BUNDLE, NO_SUCH_BUNDLE, UPLOAD_STALLED, WRONG_HASH
from fanfold_submit.places import bundle_key
from fanfold_submit.problems import Problem, refusals
from fanfold_submit.service import Service, Wired
from fanfold_submit.uploads import Upload, in_thread
from fanfold_web.kinds import INCOMPLETE_BODY, INVALID, TOO_LARGE

router = APIRouter(tags=["bundles"])
MOST_ENTRIES = 10_000
MOST_UNPACKED = 512 << 20  # bytes
_IN_MEMORY = 1 << 20
_CHUNK = 1 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others unpack without a bound on memory
_ZIP = {"requestBody": {"required": True, "content": {"application/zip": {"schema": {"format": "binary"}}}}}

Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the zip, in lower-case hex")]


class Bundle(BaseModel):
    """A stored bundle."""

    sha256: str
    size: int = Field(description="Bytes")


@router.put(
    "/v1/bundles/{sha256}",
    status_code=201,
    openapi_extra=_ZIP,
    responses={
        200: {"model": Bundle, "description": "It was there already"},
        **refusals(INCOMPLETE_BODY, UPLOAD_STALLED, TOO_LARGE, INVALID, WRONG_HASH, INVALID_BUNDLE),
    },
)
async def put_bundle(sha256: Sha256, request: Request, response: Response, _: Submitter, service: Wired) -> Bundle:
    """Store a zip of code under its SHA-256."""
    upload = Upload(request, service.settings.largest_bundle)
    known = await in_thread(service.uploads, lambda: _store(service, sha256, upload))
    response.status_code = 200 if known else 201
    return Bundle(sha256=sha256, size=upload.size)


@router.head("/v1/bundles/{sha256}", response_class=Response, responses=refusals(NO_SUCH_BUNDLE, INVALID))
def head_bundle(sha256: Sha256, _: Viewer, service: Wired) -> Response:
    """Whether a bundle is there."""
    try:
        size = service.objects.stat(bundle_key(sha256)).size
    except NotFound:
        detail = f"There is no bundle {sha256}: upload it first with PUT /v1/bundles/{sha256}."
        raise Problem(NO_SUCH_BUNDLE, detail) from None
    return Response(headers={"Content-Length": str(size), "ETag": f'"{sha256}"'}, media_type="application/zip")


def _store(service: Service, sha256: str, upload: Upload) -> bool:
    """Keep the upload if it is what it says. True if it was there already."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        for chunk in upload:
            spool.write(chunk)
        if upload.sha256 != sha256:
            detail = f"The body's SHA-256 is {upload.sha256}, not {sha256}: send it again. Nothing was stored."
            raise Problem(WRONG_HASH, detail)
        check_zip(spool)
        spool.seek(0)
        try:
            service.objects.stat(bundle_key(sha256))
        except NotFound:
            service.objects.put(bundle_key(sha256), iter(lambda: spool.read(_CHUNK), b""))
            return False
    return True


def check_zip(file: IO[bytes]) -> None:
    """Raise Problem unless the file is a zip that can be unpacked without leaving its folder or filling the disk."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(archive.infolist())
            _unpack(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise _refused(f"The body is no zip that can be unpacked: {error}. Zip the code and send that.") from None


def _unpack(archive: zipfile.ZipFile) -> None:
    """Read everything: the sizes that a zip states are only words, and its checksums have to be right."""
    total = 0
    for entry in archive.infolist():
        before = total
        with archive.open(entry) as content:
            while chunk := content.read(_CHUNK):
                total += len(chunk)
                _refuse_size(total)
        if total - before != entry.file_size:
            raise zipfile.BadZipFile(f"{entry.filename!r} has another size than stated")


def _refuse_size(unpacked: int) -> None:
    if unpacked > MOST_UNPACKED:
        raise _refused(f"The zip would unpack to more than {MOST_UNPACKED} bytes. Keep data in files, not in the code.")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise _refused(f"The zip has {len(entries)} entries; {MOST_ENTRIES} are accepted. Leave some out.")
    _refuse_size(sum(entry.file_size for entry in entries))
    for entry in entries:
        _check_entry(entry)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename  # `filename` ends at a NUL
    segments = name.removesuffix("/").split("/")
    if not name or "\\" in name or ":" in segments[0] or any(segment in {"", ".", ".."} for segment in segments):
        raise _refused(f"The zip holds {name!r}, which is no relative path below its root: rename it.")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise _refused(f"The zip holds {name!r}, a name with control characters: rename it.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise _refused(f"The zip holds {name!r}, a link. Put the file itself there.")
    if entry.flag_bits & 1:
        raise _refused(f"The zip holds {name!r} encrypted. Zip it without a password.")
    if entry.compress_type not in _METHODS:
        raise _refused(f"The zip holds {name!r} packed in a rare way. Zip it with deflate, as is usual.")


def _refused(detail: str) -> Problem:
    return Problem(INVALID_BUNDLE, f"{detail} Nothing was stored.")
