"""A stand-in of the Kubernetes API for each test, and a client of it."""

from collections.abc import Iterator

import pytest
from kubernetes import client

from tests.workflows.engines.kubernetes_stand_in import StandIn, serve


@pytest.fixture
def api() -> Iterator[StandIn]:
    state = StandIn()
    server = serve(state)
    yield state
    state.drop_watches()
    server.shutdown()
    server.server_close()


@pytest.fixture
def api_client(api: StandIn) -> client.ApiClient:
    settings = client.Configuration()
    settings.host = api.url
    settings.retries = False
    return client.ApiClient(settings)
