"""Why the OpenID provider says no.

Refusal
├── Invalid
│   └── BadClient           a client that can't be registered like this
├── NoSuchClient            no client has that id
├── ClientExists            the id is taken
├── TooManyClients          as many as are kept are registered
├── InvalidClient           a client that isn't registered, or can't prove that it is
├── UnauthorizedClient      the grant isn't for this kind of client
├── BadAuthorization        a request from an application that can't be answered at its redirect URI
├── StalePage               a form whose page is too old
├── ForgedForm              a form that this service's own page didn't send
├── InsufficientScope       the token doesn't permit reading claims
├── AuthorizationPending    the user hasn't decided about the device yet
├── SlowDown                a device asks too often
├── AccessDenied            the user has refused the device
├── ExpiredDeviceCode       the user didn't decide in time
└── UnknownUserCode         no device waits with this code

`Declined` is none of them: it is an answer that goes to the application, through the browser.
"""

from fanfold_web.refusals import Invalid, Refusal


class BadClient(Invalid):
    """A client that can't be registered like this."""

    example = "The redirect URI 'http://example.org/callback' is not safe: use https, or http on a loopback address."


class NoSuchClient(Refusal):
    """No client has that id."""

    example = "There is no client 'grafana'. List all with GET /v1/clients."


class ClientExists(Refusal):
    """The id is taken."""

    example = "There is a client 'argo-server' already. Choose another id, or remove that client."


class TooManyClients(Refusal):
    """As many clients as are kept are registered."""

    example = "100 clients are registered, the most that are kept. Remove one with DELETE /v1/clients/ID."


class InvalidClient(Refusal):
    """A client that isn't registered, or can't prove that it is the one."""

    example = "The client is unknown, or its secret is wrong. Register it with `fanfold clients add`."


class UnauthorizedClient(Refusal):
    """The grant isn't for this kind of client."""

    example = "The client 'argo-server' may not use this grant. It is for clients without a secret."


class BadAuthorization(Refusal):
    """A request from an application that can't be answered at its redirect URI, so the user is told."""

    example = "The redirect URI is not one that the application has registered. Tell whoever runs the application."


class StalePage(Refusal):
    """A form whose page is too old."""

    example = "This page has waited too long. Go back to the application and log in again."


class ForgedForm(Refusal):
    """A form that this service's own page didn't send."""

    example = "This form didn't come from this service's own page. Allow cookies for it, go back, and try again."


class InsufficientScope(Refusal):
    """The token doesn't permit reading claims."""

    example = "The access token lacks the scope openid. Ask for it at /authorize."


class AuthorizationPending(Refusal):
    """The user hasn't decided about the device yet."""

    example = "The user has not entered the code yet. Ask again in 5 s."


class SlowDown(Refusal):
    """A device asks too often."""

    example = "You ask too often. Wait for 10 s before each request from now on."


class AccessDenied(Refusal):
    """The user has refused the device."""

    example = "The user has refused. Start again if that was a mistake."


class ExpiredDeviceCode(Refusal):
    """The user didn't decide in time."""

    example = "The device code has expired. Start again."


class UnknownUserCode(Refusal):
    """No device waits with this code."""

    example = (
        "No device waits with this code. Compare it with the one that the device shows; it is valid for 10 minutes."
    )


class Declined(Exception):
    """An error that the application is to be told (RFC 6749 §4.1.2.1), as `error` and words for its developer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description
