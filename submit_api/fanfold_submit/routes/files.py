"""Files that users keep in the service, in their own area, the shared one, and those of their teams."""

from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from typing import Annotated, Literal
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.convertors import PathConvertor, register_url_convertor

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Stat
from fanfold_submit.http.access import Submitter, TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.http.ranges import Content, demand_preconditions, in_ranges, serve, unread
from fanfold_submit.http.storing import Storing, announced_size
from fanfold_submit.http.uploads import Upload
from fanfold_submit.refusals import (
    InvalidPath,
    NoSuchFile,
    OverQuota,
    PreconditionFailed,
    UploadStalled,
)
from fanfold_submit.service import Service
from fanfold_web.clock import timestamp
from fanfold_web.http.openapi import header_parameters
from fanfold_web.refusals import BadRequest, IncompleteBody, Invalid, TooLarge
from fanfold_web.tokens.authorization import NAME_PATTERN


class _AnyPath(PathConvertor):
    """Starlette's `path`, with line breaks too, so that they are refused in words and not as a missing route."""

    regex = "(?s:.*)"


async def _refuse_other_encodings(request: Request) -> None:
    """Starlette reads what is not UTF-8 as U+FFFD, so two names would mean one file."""
    for part in (request.scope["raw_path"], request.scope["query_string"]):
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError as error:
            what = f"{part.decode('ascii', 'backslashreplace')[:200]} is not UTF-8 once %XX are decoded"
            raise InvalidPath(f"{what} ({error.reason}). Encode paths as UTF-8.") from None


register_url_convertor("any_path", _AnyPath())
router = APIRouter(tags=["files"], dependencies=[Depends(_refuse_other_encodings)])
_REST = r"[^/\x00-\x1f\x7f-\x9f]*"
_NAME = rf"([^./\x00-\x1f\x7f-\x9f]{_REST}|\.{{1,2}}[^./\x00-\x1f\x7f-\x9f]{_REST}|\.\.\.{_REST})"
PATH_PATTERN = rf"^(@shared/{_NAME}|@team/{NAME_PATTERN}/{_NAME}|{_NAME.replace('[^./', '[^@./', 1)})(/{_NAME})*$"
_MEDIA_TYPE = "application/octet-stream"
_BINARY = {
    "requestBody": {"required": False, "content": {_MEDIA_TYPE: {"schema": {"format": "binary"}}}},
    "parameters": header_parameters("If-Match", "If-None-Match"),
}

FilePath = Annotated[
    str,
    Path(
        description="My own file or, below `@shared/`, everybody's, below `@team/GROUP/`, a group's",
        examples=["texts/a.txt", "@shared/texts/a.txt", "@team/analysts/a.txt"],
        json_schema_extra={"pattern": PATH_PATTERN, "maxLength": 255},  # told, not checked here: the store says why
    ),
]


class StoredFile(BaseModel):
    """A file that was stored."""

    path: str = Field(examples=["texts/a.txt"])
    size: int = Field(ge=0, description="Bytes")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class ListedFile(BaseModel):
    """A file in a list or, with a delimiter, a folder, whose path ends with a slash."""

    path: str = Field(examples=["texts/a.txt"])
    size: int = Field(ge=0, description="Bytes; of a folder, those of all files in it")
    modified: str = Field(
        description="Of a folder, when the last file in it was written",
        examples=["2026-11-24T07:15:00.000Z"],
        json_schema_extra={"format": "date-time"},
    )
    files: int | None = Field(default=None, ge=1, description="How many files are in the folder; null for a file")


class FilePage(BaseModel):
    """Files, by their paths."""

    items: list[ListedFile]
    cursor: str | None = Field(description="Send it back to get the next page; null at the end")


@router.put(
    "/v1/files/{path:any_path}",
    status_code=201,
    summary="Store a file",
    openapi_extra=_BINARY,
    responses=refusals(
        BadRequest, InvalidPath, IncompleteBody, UploadStalled, PreconditionFailed, TooLarge, OverQuota, Invalid
    ),
)
async def put_file(path: FilePath, request: Request, caller: Submitter, service: TheService) -> StoredFile:
    """Store a file whole, replacing any file of that path. It appears only once all of it has arrived.

    `If-Match` and `If-None-Match` are obeyed as the file is then.
    """
    key = service.places.file_key(path, caller, write=True)

    def demand() -> None:
        if {"if-match", "if-none-match"} & {*request.headers}:
            demand_preconditions(request, _etag(service, key))

    storing = Storing(service, caller, key)
    announced = announced_size(request)

    def demand_at_first() -> None:
        demand()
        storing.demand_room(announced)

    def demand_at_end() -> None:
        demand()
        storing.reserve(upload.size)

    await service.uploads.run(caller.id, demand_at_first)  # don't let anybody send a gigabyte for nothing
    upload = Upload(request, service.settings.largest_file, at_end=demand_at_end)
    size = await service.uploads.run(caller.id, lambda: storing.put(upload))
    return StoredFile(path=path, size=size, sha256=upload.sha256)


@router.get(
    "/v1/files/{path:any_path}",
    summary="Read a file",
    **in_ranges(_MEDIA_TYPE, refused=(InvalidPath, NoSuchFile, Invalid)),
)
def get_file(path: FilePath, request: Request, caller: Viewer, service: TheService) -> Response:
    """A file's bytes; `Range` asks for a range of them."""
    key = service.places.file_key(path, caller)
    try:
        file = service.objects.open(key)
    except NotFound:
        raise _no_such(path) from None
    content = Content(file.stat.size, _quoted(file.version), _MEDIA_TYPE, file.read, file.close)
    return serve(request, content)


@router.head(
    "/v1/files/{path:any_path}",
    summary="Look for a file",
    response_class=Response,
    openapi_extra={"parameters": header_parameters("If-Match", "If-None-Match")},
    responses={**unread(), **refusals(InvalidPath, NoSuchFile, PreconditionFailed, Invalid)},
)
def head_file(path: FilePath, request: Request, caller: Viewer, service: TheService) -> Response:
    """Whether a file exists, and its size."""
    return get_file(path, request, caller, service)


@router.delete(
    "/v1/files/{path:any_path}",
    status_code=204,
    summary="Remove a file",
    openapi_extra={"parameters": header_parameters("If-Match", "If-None-Match")},
    responses=refusals(InvalidPath, NoSuchFile, PreconditionFailed, Invalid),
)
def delete_file(path: FilePath, request: Request, caller: Submitter, service: TheService) -> None:
    """Remove a file."""
    key = service.places.file_key(path, caller, write=True)
    etag = _etag(service, key)
    if etag is None:
        raise _no_such(path)
    demand_preconditions(request, etag)
    Storing(service, caller, key).delete()


@router.get("/v1/files", summary="List files", responses=refusals(InvalidPath, Invalid))
async def list_files(
    caller: Viewer,
    service: TheService,
    prefix: Annotated[str, Query(description="How the paths begin", examples=["texts/"])] = "",
    delimiter: Annotated[
        Literal["/"] | None, Query(description="With `/`, what lies in a folder below the prefix counts as that folder")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str = "",
) -> FilePage:
    """My files, or with `prefix=@shared/` everybody's, with `prefix=@team/GROUP/` those of a group of mine."""
    key_prefix, area = service.places.listing(prefix, caller)
    start = len(key_prefix) if delimiter else None
    return await service.listings.run(caller.id, lambda: _page(service, key_prefix, area, start, limit, cursor))


def _page(service: Service, key_prefix: str, area: str, start: int | None, limit: int, cursor: str) -> FilePage:
    """A page of files; with a `start`, the keys are cut after the first slash that comes after so many characters."""
    items: list[ListedFile] = []
    for key, stats in groupby(service.objects.list(key_prefix), lambda stat: _cut(stat.key, start)):
        path = key.removeprefix(area)
        if cursor and path.encode() <= cursor.encode():
            continue
        if len(items) == limit:
            return FilePage(items=items, cursor=items[-1].path)
        items.append(_item(path, stats))
    return FilePage(items=items, cursor=None)


def _cut(key: str, start: int | None) -> str:
    """The key of a file, or of the folder that it lies in."""
    end = -1 if start is None else key.find("/", start)
    return key if end < 0 else key[: end + 1]


def _item(path: str, stats: Iterable[Stat]) -> ListedFile:
    """A file, or a folder with what is in it."""
    size = files = 0
    modified = 0.0
    for stat in stats:
        size, files, modified = size + stat.size, files + 1, max(modified, stat.modified)
    is_folder = path.endswith("/")
    return ListedFile(path=path, size=size, modified=timestamp(modified), files=files if is_folder else None)


def _etag(service: Service, key: str) -> str | None:
    """The ETag of a file; None if there is none."""
    try:
        with closing(service.objects.open(key)) as file:
            return _quoted(file.version)
    except NotFound:
        return None


def _quoted(version: str) -> str:
    return f'"{version}"'


def _no_such(path: str) -> NoSuchFile:
    return NoSuchFile(f"There is no file {path!r}. List what there is with GET /v1/files.")
