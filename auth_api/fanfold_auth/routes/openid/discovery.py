"""What applications find out about the provider by themselves (OpenID Connect Discovery 1.0, RFC 8414)."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Response

from fanfold_auth.grants import GRANTS
from fanfold_auth.http.access import TheService
from fanfold_auth.openid.id_tokens import ALGORITHM, CLAIMS
from fanfold_auth.openid.requests import PROMPTS, SCOPES
from fanfold_auth.settings import Settings
from fanfold_web.http.openapi import headers
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import NothingThere

router = APIRouter(route_class=ThreadedRoute, tags=["openid"])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/json": {"example": {"issuer": "https://auth.example.org"}}},
        **headers("Cache-Control"),
    }
}


@router.get("/.well-known/openid-configuration", summary="What the provider offers", responses=_ANSWERS)
async def openid_configuration(service: TheService, response: Response) -> dict[str, Any]:
    """The provider's metadata. Clients need its issuer, and find all other URLs here."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return metadata(service.settings)


@router.get("/.well-known/oauth-authorization-server", summary="The same, where OAuth has it", responses=_ANSWERS)
async def oauth_metadata(service: TheService, response: Response) -> dict[str, Any]:
    """The same metadata (RFC 8414)."""
    return await openid_configuration(service, response)


@router.get("/.well-known/{document}/{issuer_path:path}", include_in_schema=False)
async def metadata_of_path(service: TheService, response: Response, document: str, issuer_path: str) -> dict[str, Any]:
    """The same metadata where RFC 8414 §3.1 has it if the issuer's URL has a path: before that."""
    known = document in ("oauth-authorization-server", "openid-configuration")
    if not known or f"/{issuer_path}" != urlsplit(service.settings.issuer).path or not issuer_path:
        raise NothingThere(f"There is nothing at /.well-known/{document[:40]}/{issuer_path[:200]}. See /openapi.json.")
    return await openid_configuration(service, response)


def metadata(settings: Settings) -> dict[str, Any]:
    """The members of RFC 8414 and of OpenID Connect Discovery. Browsers may reach the service by another URL."""
    base, browsers = settings.issuer.rstrip("/"), settings.browsers_url
    return {
        "issuer": settings.issuer,
        "authorization_endpoint": f"{browsers}/authorize",
        "end_session_endpoint": f"{browsers}/logout",
        "token_endpoint": f"{base}/token",
        "device_authorization_endpoint": f"{base}/device_authorization",
        "userinfo_endpoint": f"{base}/userinfo",
        "revocation_endpoint": f"{base}/v1/revoke",
        "jwks_uri": f"{base}/v1/keys",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "scopes_supported": list(SCOPES),
        "claims_supported": list(CLAIMS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(PROMPTS),
        "ui_locales_supported": ["en"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }
