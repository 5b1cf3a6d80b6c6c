"""What the pages load: one style sheet and one icon."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)

_CACHE = {"Cache-Control": "public, max-age=3600"}


@router.get("/pages.css")
async def style_sheet() -> Response:
    """The style sheet of all pages."""
    return Response(_file("pages.css"), media_type="text/css", headers=_CACHE)


@router.get("/icon.svg")
async def icon() -> Response:
    """The icon of all pages."""
    return Response(_file("icon.svg"), media_type="image/svg+xml", headers=_CACHE)


@cache
def _file(name: str) -> bytes:
    return files("fanfold_auth.pages").joinpath(name).read_bytes()
