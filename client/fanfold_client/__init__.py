"""The `fanfold` command and `Client`, the typed HTTP client beneath it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanfold_client.client import Client

__all__ = ["Client"]


def __getattr__(name: str) -> Any:
    """Import `Client`, and with it the HTTP client, only when it is used: the command's help needs neither."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fanfold_client.client import Client

    return Client
