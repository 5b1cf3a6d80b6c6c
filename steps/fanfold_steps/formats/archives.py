"""Files that hold others, or are compressed in ways that aren't read: refused by name and by content."""

import re

from fanfold_steps.failure.permanent import PermanentFailure

_UNPACK = {
    "zip archive": "unzip it",
    "tar archive": "unpack it (tar -xf)",
    "7z archive": "unpack it (7z x)",
    "rar archive": "unpack it (unrar x)",
    "file of compress": "decompress it (uncompress)",
    "Parquet file": "read it by input=Parquet()",
}
_BY_NAME = (
    (re.compile(r"\.zip$", re.I), "zip archive"),
    (re.compile(r"\.(tar(\.(gz|bz2|xz|zst|lz4|lzma|Z))?|tgz|tbz2?|txz|tzst)$", re.I), "tar archive"),
    (re.compile(r"\.7z$", re.I), "7z archive"),
    (re.compile(r"\.rar$", re.I), "rar archive"),
    (re.compile(r"\.Z$"), "file of compress"),
    (re.compile(r"\.(snappy|lzo|deflate)$"), "file of snappy, lzo or deflate"),
)
_BY_MAGIC = (
    (0, b"PK\x03\x04", "zip archive"),
    (0, b"PK\x05\x06", "zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (0, b"Rar!\x1a\x07", "rar archive"),
    (0, b"\x1f\x9d", "file of compress"),
    (0, b"PAR1", "Parquet file"),
    (257, b"ustar", "tar archive"),
)


def refuse_archive(url: str, key: str, beginning: bytes) -> None:
    """Raise PermanentFailure if a file's name, or its first bytes after decompression, tell of an archive."""
    if found := _by_name(key) or _by_magic(beginning):
        mend = f"{_UNPACK.get(found, 'decompress it')}, or read its bytes as they are, by compress='none'"
        what = f"{url} is a {found}, which can't be read as records: {mend}"
        raise PermanentFailure("input", what)


def _by_name(key: str) -> str | None:
    name = key.rpartition("/")[2]
    return next((kind for pattern, kind in _BY_NAME if pattern.search(name)), None)


def _by_magic(beginning: bytes) -> str | None:
    return next((kind for at, magic, kind in _BY_MAGIC if beginning[at : at + len(magic)] == magic), None)
