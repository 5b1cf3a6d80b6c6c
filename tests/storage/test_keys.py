"""What a key may be, to the byte: the limits of S3 and of file systems, whatever the store."""

import pytest

from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects import validate_key

LONG = "é" * 127  # 254 bytes


@pytest.mark.parametrize(
    "key",
    ["a", "x" * 255, f"{LONG}x", f"{LONG}x/{LONG}x", "/".join([LONG + "x"] * 4), "a..b/.c/d.", "a b/\u2028", "\udc80"],
)
def test_a_key_that_every_store_can_hold(key: str) -> None:
    assert validate_key(key) == key


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "1 to 1,024 bytes, but this one has 0"),
        ("/".join([LONG + "x"] * 4) + "/y", "1 to 1,024 bytes, but this one has 1025"),
        ("x" * 256, "at most 255 bytes"), (f"a/{LONG}é/b", "at most 255 bytes"),
        ("/a", "without empty"), ("a/", "without empty"), ("a//b", "without empty"), (".", "without empty"),
        ("a/../b", "without empty"), ("a/./b", "without empty"),
        *[(key, "not contain control characters") for key in ("a\n", "\x7f", "\0")],
    ],
)  # fmt: skip
def test_a_key_that_some_store_cannot_hold(key: str, words: str) -> None:
    with pytest.raises(InvalidKey, match=words):
        validate_key(key)
