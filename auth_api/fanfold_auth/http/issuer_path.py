"""The path of the issuer's URL: a proxy in front of the service may take it away from requests, or leave it."""

from starlette.types import ASGIApp, Receive, Scope, Send


class IssuerPath:
    """Makes routes match below the issuer's path, too."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._path and scope["type"] == "http" and scope["path"].startswith(f"{self._path}/"):
            scope["root_path"] = self._path
        await self._app(scope, receive, send)
