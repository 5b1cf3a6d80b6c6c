"""A provider served over real HTTP, an application registered with it, and a browser to log in with."""

from collections.abc import Iterator

import pytest

from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records
from tests.auth_api.openid.provider import Application, Browser, Provider, served
from tests.auth_api.service import PASSWORD, Clock


@pytest.fixture
def provider(settings: Settings, records: Records, clock: Clock) -> Iterator[Provider]:
    """The provider, which knows ada, an admin, and bob, a submitter; its URL is its issuer."""
    with served(settings, records, clock) as provider:
        provider.service.users.create("ada", PASSWORD, ["admin"])
        provider.service.users.create("bob", PASSWORD, ["submitter"])
        yield provider


@pytest.fixture
def application(provider: Provider) -> Application:
    """An application that uses PKCE and sends its secret by HTTP Basic."""
    return provider.register("grafana")


@pytest.fixture
def argo(provider: Provider) -> Application:
    """An application like Argo's server: without PKCE and nonce."""
    return provider.register("argo-server", pkce=False)


@pytest.fixture
def browser(provider: Provider) -> Iterator[Browser]:
    with Browser(provider) as browser:
        yield browser
