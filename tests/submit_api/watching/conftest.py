"""A site whose workers do as a test says, and a user with a file in it."""

from collections.abc import Callable

import pytest

from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine


@pytest.fixture
def scripted() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def site(open_site: Callable[..., Site], scripted: ScriptedEngine) -> Site:
    return open_site(scripted)


@pytest.fixture
def ada(site: Site) -> User:
    user = site.user("ada")
    user.put("texts/a.txt")
    return user
