"""Texts of random bits that stand for a record: minted once, never stored, found again by name and hash.

Most are `NAME.SECRET`: 128 bits that name the record, and 256 that nobody can guess. Others put more before the secret.
"""

import hashlib
import hmac
import re
import secrets

RANDOM = "[A-Za-z0-9_-]{43}"
"""The form of a secret, for regular expressions."""
_NAMED = re.compile(rf"([A-Za-z0-9_-]{{22}})\.{RANDOM}")


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def new_name() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


def mint(name: str) -> str:
    """A text for the record of that name."""
    return f"{name}.{new_secret()}"


def name_in(text: str) -> str | None:
    """The name of the record that a text may stand for; None: it has another form.

    >>> name_in(mint("a" * 22)), name_in("a.b")
    ('aaaaaaaaaaaaaaaaaaaaaa', None)
    """
    match = _NAMED.fullmatch(text)
    return match[1] if match else None


def hashed(text: str) -> str:
    """Its SHA-256, which may be stored: nobody finds 256 random bits from that."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(stored: str, text: str) -> bool:
    """Whether that is the hash of a text, in the same time for all texts."""
    return hmac.compare_digest(stored, hashed(text))
