"""What ties a browser to its pages: two cookies, and the proof that a form came from one of our pages.

The cookie of the session stands for whoever is logged in. The other one is given to every browser that sees a form,
logged in or not, and each form repeats an HMAC over it. So another site can neither send a form as the user (CSRF) nor
log the user in as somebody else (login CSRF), since it can't know what the form has to repeat.

Over HTTPS the cookies' names begin with `__Host-`, so no neighbour on the same domain can set them. Over plain HTTP
browsers refuse such names; there the name holds the port, since a host's ports share their cookies.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from fanfold_auth.accounts.users import User
from fanfold_auth.http.access import TheService
from fanfold_auth.openid.refusals import ForgedForm
from fanfold_auth.service import Service
from fanfold_auth.tokens.sessions import Session, Source
from fanfold_web.http.envelope import source

_LONGEST_COOKIE = 300


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser that sent a request, and who is logged in there."""

    request: Request
    service: Service
    session: Session | None
    user: User | None
    ticket: str
    """What its forms are bound to; new if the browser has sent none."""

    @property
    def source(self) -> Source:
        """Where it is."""
        return source_of(self.request)

    def form_token(self, action: str) -> str:
        """What a form for this action has to repeat. All but the login's are also bound to who is logged in."""
        session = self.session.id if self.session and action != "login" else ""
        return hmac.digest(
            self.service.openid.forms_key, f"{self.ticket}\n{action}\n{session}".encode(), "sha256"
        ).hex()

    def check_form(self, action: str, form: dict[str, str]) -> None:
        """Raises ForgedForm: it wasn't sent from one of our pages in this browser."""
        headers = self.request.headers
        site = headers.get("sec-fetch-site")
        if site not in (None, "same-origin") or not self._from_own_origin(headers.get("origin")):
            raise ForgedForm
        if not hmac.compare_digest(form.get("csrf", "").encode(), self.form_token(action).encode()):
            raise ForgedForm

    def _from_own_origin(self, origin: str | None) -> bool:
        """Whether a form comes from where this service is; old browsers send no `Origin`."""
        hosts = (urlsplit(self.service.settings.browsers_url).netloc, self.request.headers.get("host", ""))
        return origin is None or urlsplit(origin).netloc in hosts

    def remember_ticket(self, response: Response) -> None:
        """Give the browser what its forms are bound to."""
        self._set(response, "form", self.ticket)

    def log_in(self, response: Response, cookie: str) -> None:
        """Give the browser the cookie of a session."""
        self._set(response, "session", cookie)

    def log_out(self, response: Response) -> None:
        """Take the session's cookie away."""
        name, secure = _cookie(self.service, "session")
        response.delete_cookie(name, secure=secure, httponly=True, samesite="lax")

    def _set(self, response: Response, kind: str, content: str) -> None:
        name, secure = _cookie(self.service, kind)
        response.set_cookie(name, content, secure=secure, httponly=True, samesite="lax")


def source_of(request: Request) -> Source:
    """Where a login comes from."""
    return Source(source(request.scope), request.headers.get("user-agent", ""))


def _browser(request: Request, service: TheService) -> Browser:
    found = service.sessions.of_cookie(_sent(request, service, "session"))
    session, user = found or (None, None)
    if user:
        request.state.notes.update(user=user.name, user_id=user.id)
    return Browser(request, service, session, user, _sent(request, service, "form") or secrets.token_urlsafe(32))


TheBrowser = Annotated[Browser, Depends(_browser)]


def _sent(request: Request, service: Service, kind: str) -> str:
    content = request.cookies.get(_cookie(service, kind)[0], "")
    return content if len(content) <= _LONGEST_COOKIE else ""


def _cookie(service: Service, kind: str) -> tuple[str, bool]:
    """The name of a cookie, and whether it is sent over HTTPS alone."""
    url = urlsplit(service.settings.browsers_url)
    return (f"__Host-fanfold-{kind}", True) if url.scheme == "https" else (f"fanfold-{kind}-{url.port or 80}", False)
