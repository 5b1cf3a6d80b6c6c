"""Moments as people and protocols write them."""

import time


def utc(moment: float) -> str:
    """RFC 3339, whole seconds, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
