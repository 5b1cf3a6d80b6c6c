"""Signs messages by Standard Webhooks (https://www.standardwebhooks.com), so that any library for that verifies them.

    webhook-id          the same for every attempt to send a message
    webhook-timestamp   Unix seconds of the attempt
    webhook-signature   v1,BASE64 of HMAC-SHA256 over "ID.TIMESTAMP.BODY"; several, separated by spaces, while a
                        secret is being replaced

A secret is `whsec_` and 32 random bytes in Base64.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"


def new_secret() -> str:
    """A random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(message_id: str, body: bytes, moment: float, keys: Sequence[str]) -> dict[str, str]:
    """The headers of a message.

    >>> signed("msg_1", b"{}", 1795504500.0, ["whsec_c2VjcmV0"])["webhook-signature"]
    'v1,lNtd4OaOwmOOld60OwM/xDkIQOY+ksYfNKctBkj3yCU='
    """
    stamp = str(int(moment))
    content = f"{message_id}.{stamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{_signature(content, key)}" for key in keys),
    }


def _signature(content: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
