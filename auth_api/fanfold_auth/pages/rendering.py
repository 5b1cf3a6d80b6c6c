"""Pages from templates, each with headers that keep other sites out.

Nothing is loaded but the service's own style sheet and icon. No other site may frame a page, and forms go to the
service itself; browsers hold that against redirects too, so the page of a request names the application's origin. The
`Referrer-Policy` is `same-origin`: other sites learn nothing, and browsers still say where a form comes from, which
they don't with `no-referrer`.
"""

from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

_TEMPLATES = Environment(
    loader=PackageLoader("fanfold_auth.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def page(template: str, *, status: int = 200, leads_to: str = "", **content: Any) -> HTMLResponse:
    """A page. Its forms may lead to the origin `leads_to`, too."""
    html = _TEMPLATES.get_template(f"{template}.html").render(**content)
    return HTMLResponse(html, status, headers=_headers(leads_to))


def _headers(leads_to: str) -> dict[str, str]:
    policy = {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": f"'self' {leads_to}".strip(),
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {content}" for name, content in policy.items()),
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
