"""Files: what users keep in the service, in their own area and the shared one."""

from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.convertors import PathConvertor, register_url_convertor

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Stat
from fanfold_submit.access import Submitter, Viewer
from fanfold_submit.kinds import INVALID_PATH, NO_SUCH_FILE, RANGE_NOT_SATISFIABLE, UPLOAD_STALLED
from fanfold_submit.problems import Problem, refusals
from fanfold_submit.ranges import Content, serve
from fanfold_submit.service import Service, Wired
from fanfold_submit.uploads import Upload, in_thread
from fanfold_web.clock import timestamp
from fanfold_web.kinds import INCOMPLETE_BODY, INVALID, TOO_LARGE


class _AnyPath(PathConvertor):
    """A path as Starlette's `path` has it, with line ends too: they are refused in words, not as a missing route."""

    regex = "(?s:.*)"


async def _refuse_other_encodings(request: Request) -> None:
    """Starlette reads what is not UTF-8 as U+FFFD, so that two names would be one file."""
    for part in (request.scope["raw_path"], request.scope["query_string"]):
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError as error:
            what = f"{part.decode('ascii', 'backslashreplace')[:200]} is not UTF-8 once %XX are decoded"
            raise Problem(INVALID_PATH, f"{what} ({error.reason}): encode paths as UTF-8.") from None


register_url_convertor("any_path", _AnyPath())
router = APIRouter(tags=["files"], dependencies=[Depends(_refuse_other_encodings)])
_BINARY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"format": "binary"}}}}}

FilePath = Annotated[
    str, Path(description="My own file; below `@shared/`, everybody's", examples=["texts/a.txt", "@shared/texts/a.txt"])
]


class StoredFile(BaseModel):
    """A file that was stored."""

    path: str = Field(examples=["texts/a.txt"])
    size: int = Field(description="Bytes")
    sha256: str


class ListedFile(BaseModel):
    """A file in a list."""

    path: str = Field(examples=["texts/a.txt"])
    size: int = Field(description="Bytes")
    modified: str = Field(examples=["2026-11-24T07:15:00.000Z"])


class FilePage(BaseModel):
    """Files in the order of their paths."""

    items: list[ListedFile]
    cursor: str | None = Field(description="Send it back to get the next page; null at the end")


@router.put(
    "/v1/files/{path:any_path}",
    status_code=201,
    openapi_extra=_BINARY,
    responses=refusals(INVALID_PATH, INCOMPLETE_BODY, UPLOAD_STALLED, TOO_LARGE, INVALID),
)
async def put_file(path: FilePath, request: Request, caller: Submitter, service: Wired) -> StoredFile:
    """Store a file whole, replacing what was there. It shows only once all of it has come."""
    key = service.places.file_key(path, caller, write=True)
    upload = Upload(request, service.settings.largest_file)
    size = await in_thread(service.uploads, lambda: service.objects.put(key, upload))
    return StoredFile(path=path, size=size, sha256=upload.sha256)


@router.get(
    "/v1/files/{path:any_path}",
    response_class=Response,
    responses=refusals(INVALID_PATH, NO_SUCH_FILE, RANGE_NOT_SATISFIABLE, INVALID),
)
def get_file(path: FilePath, request: Request, caller: Viewer, service: Wired) -> Response:
    """A file's bytes; `Range` asks for some of them."""
    key = service.places.file_key(path, caller)
    stat = _stat(service, key, path)
    return serve(
        request,
        Content(
            size=stat.size,
            etag=f'"{stat.size:x}-{int(stat.modified * 1_000_000):x}"',
            media_type="application/octet-stream",
            read=lambda start, stop: service.objects.read(key, start, stop),
        ),
    )


@router.head(
    "/v1/files/{path:any_path}", response_class=Response, responses=refusals(INVALID_PATH, NO_SUCH_FILE, INVALID)
)
def head_file(path: FilePath, request: Request, caller: Viewer, service: Wired) -> Response:
    """Whether a file is there, and its size."""
    return get_file(path, request, caller, service)


@router.delete("/v1/files/{path:any_path}", status_code=204, responses=refusals(INVALID_PATH, NO_SUCH_FILE, INVALID))
def delete_file(path: FilePath, caller: Submitter, service: Wired) -> None:
    """Remove a file."""
    key = service.places.file_key(path, caller, write=True)
    _stat(service, key, path)
    service.objects.delete(key)


@router.get("/v1/files", responses=refusals(INVALID_PATH, INVALID))
def list_files(
    caller: Viewer,
    service: Wired,
    prefix: Annotated[str, Query(description="What the paths begin with", examples=["texts/"])] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str = "",
) -> FilePage:
    """My files, or with `prefix=@shared/` everybody's."""
    begins, area = service.places.listing(prefix, caller)
    items: list[ListedFile] = []
    for stat in service.objects.list(begins):
        path = stat.key.removeprefix(area)
        if cursor and path.encode() <= cursor.encode():
            continue
        if len(items) == limit:
            return FilePage(items=items, cursor=items[-1].path)
        items.append(ListedFile(path=path, size=stat.size, modified=timestamp(stat.modified)))
    return FilePage(items=items, cursor=None)


def _stat(service: Service, key: str, path: str) -> Stat:
    try:
        return service.objects.stat(key)
    except NotFound:
        raise Problem(NO_SUCH_FILE, f"There is no file {path!r}. List what there is with GET /v1/files.") from None
