"""Code bundles, and wheels, which are zips, too, stored under the SHA-256 of their bytes.

Their code never runs in this service.
"""

import stat
import unicodedata
import zipfile
import zlib
from typing import IO

from fanfold_submit.refusals import InvalidBundle

MOST_ENTRIES = 50_000  # a wheel has more files than code
MOST_UNPACKED = 2 << 30  # bytes
_CHUNK = 1 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others decompress without a bound on memory


def bundle_key(sha256: str) -> str:
    """The key of a bundle in the store."""
    return f"bundles/{sha256}"


def check_zip(file: IO[bytes]) -> None:
    """Check that a zip can be unpacked without leaving its folder or filling the disk. Raises InvalidBundle."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(archive.infolist())
            _check_contents(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise _invalid(f"The body is not a zip that can be unpacked: {error}. Zip the code and send that.") from None


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise _invalid(f"The zip has {len(entries)} entries, more than {MOST_ENTRIES}. Leave some out.")
    _check_size(sum(entry.file_size for entry in entries))
    for entry in entries:
        _check_entry(entry)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename  # `filename` ends at a NUL
    segments = name.removesuffix("/").split("/")
    if not name or "\\" in name or ":" in segments[0] or any(segment in {"", ".", ".."} for segment in segments):
        raise _invalid(f"The zip holds {name!r}, which is not a relative path below its root. Rename it.")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise _invalid(f"The zip holds {name!r}, a name with control characters. Rename it.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise _invalid(f"The zip holds {name!r}, which is a link. Put the file itself there.")
    if entry.flag_bits & 1:
        raise _invalid(f"The zip holds {name!r} encrypted. Zip it without a password.")
    if entry.compress_type not in _METHODS:
        raise _invalid(f"The zip holds {name!r} in an unusual compression format. Zip it with deflate.")


def _check_contents(archive: zipfile.ZipFile) -> None:
    """Read everything, since the sizes that a zip states may be wrong, and its checksums have to match."""
    total = 0
    for entry in archive.infolist():
        before = total
        with archive.open(entry) as content:
            while chunk := content.read(_CHUNK):
                total += len(chunk)
                _check_size(total)
        if total - before != entry.file_size:
            raise zipfile.BadZipFile(f"{entry.filename!r} does not have the stated size")


def _check_size(unpacked: int) -> None:
    if unpacked > MOST_UNPACKED:
        raise _invalid(f"The zip would unpack to more than {MOST_UNPACKED} bytes. Keep data in files, not in the code.")


def _invalid(detail: str) -> InvalidBundle:
    return InvalidBundle(f"{detail} Nothing was stored.")
