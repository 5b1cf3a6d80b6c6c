"""Webhooks: which URLs the service may notify, and the secret with which it signs its messages."""

from typing import TypedDict, cast

from fanfold_client.api.transport import Transport


class WebhookSettings(TypedDict):
    """Which URLs may be notified, and when the user's secret was made."""

    allowed: list[str]
    secret_created: str | None


class NewSecret(TypedDict):
    """A secret, which is never shown again; the one before signs, too, until `previous_until`."""

    secret: str
    created: str
    previous_until: str | None


class Webhooks:
    """The service's list of webhooks, and the user's secret."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> WebhookSettings:
        """Which URLs jobs may name in `notify`, and whether there is a secret to verify messages with."""
        return cast(WebhookSettings, self._transport.json("GET", "/v1/webhooks"))

    def make_secret(self) -> NewSecret:
        """A new secret, by which messages are verified from now on. The one before signs, too, for a day."""
        return cast(NewSecret, self._transport.json("POST", "/v1/webhooks/secret"))
