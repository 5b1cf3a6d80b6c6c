"""Code bundles and wheels: zips under the SHA-256 of their bytes, shared by all jobs that name it."""

from tempfile import SpooledTemporaryFile
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from fanfold_storage.errors import NotFound
from fanfold_submit.http.access import Submitter, TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.http.uploads import Upload
from fanfold_submit.jobs.bundles import bundle_key, check_zip
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import InvalidBundle, NoSuchBundle, OverQuota, UploadStalled, WrongHash
from fanfold_submit.service import Service
from fanfold_web.http.openapi import headers, links
from fanfold_web.refusals import IncompleteBody, Invalid, TooLarge

router = APIRouter(tags=["bundles"])
_IN_MEMORY = 1 << 20
_CHUNK = 1 << 20
_ZIP = {"requestBody": {"required": True, "content": {"application/zip": {"schema": {"format": "binary"}}}}}

_STORED = links("$response.body#/sha256", "sha256", "head_bundle")
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the zip, in lower-case hex")]


class Bundle(BaseModel):
    """A stored bundle."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0, description="Bytes")


@router.put(
    "/v1/bundles/{sha256}",
    status_code=201,
    summary="Store a bundle",
    openapi_extra=_ZIP,
    responses={
        200: {"model": Bundle, "description": "It existed already", **_STORED},
        201: _STORED,
        **refusals(IncompleteBody, UploadStalled, TooLarge, OverQuota, Invalid, WrongHash, InvalidBundle),
    },
)
async def put_bundle(
    sha256: Sha256, request: Request, response: Response, caller: Submitter, service: TheService
) -> Bundle:
    """Store a zip of code, or a wheel, under its SHA-256."""
    upload = Upload(request, service.settings.largest_bundle)
    is_new = await service.bundles.run(caller.id, lambda: store_bundle(service, caller, sha256, upload))
    response.status_code = 201 if is_new else 200
    return Bundle(sha256=sha256, size=upload.size)


@router.head(
    "/v1/bundles/{sha256}",
    summary="Look for a bundle",
    response_class=Response,
    responses={200: headers("ETag"), **refusals(NoSuchBundle, Invalid)},
)
def head_bundle(sha256: Sha256, _: Viewer, service: TheService) -> Response:
    """Whether a bundle exists."""
    try:
        size = service.objects.stat(bundle_key(sha256)).size
    except NotFound:
        raise NoSuchBundle(f"There is no bundle {sha256}. Upload it first with PUT /v1/bundles/{sha256}.") from None
    return Response(headers={"Content-Length": str(size), "ETag": f'"{sha256}"'}, media_type="application/zip")


def store_bundle(service: Service, caller: Principal, sha256: str, upload: Upload) -> bool:
    """Store an upload that has this hash and is a sound zip. Return whether it is new."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        for chunk in upload:
            spool.write(chunk)
        if upload.sha256 != sha256:
            detail = f"The body's SHA-256 is {upload.sha256}, not {sha256}. Nothing was stored; send it again."
            raise WrongHash(detail)
        check_zip(spool)
        spool.seek(0)
        try:
            service.objects.stat(bundle_key(sha256))
        except NotFound:
            service.stored.reserve(caller, caller.id, "bundles", upload.size, sha256)
            service.objects.put(bundle_key(sha256), iter(lambda: spool.read(_CHUNK), b""))
            return True
    return False
