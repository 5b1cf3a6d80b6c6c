"""Settings come from the environment, once, and say which variable is wrong."""

from pathlib import Path

import pytest

from fanfold_auth.passwords import Cost
from fanfold_auth.settings import BadSetting, Settings, from_environment

GIVEN = {"FANFOLD_AUTH_ISSUER": "https://auth.example.org", "FANFOLD_AUTH_KEK_FILE": "/etc/fanfold/kek"}


def test_defaults_are_those_of_the_design() -> None:
    settings = from_environment(GIVEN)
    assert settings == Settings("https://auth.example.org", Path("/etc/fanfold/kek"))
    assert (settings.audience, settings.token_seconds, settings.publish_seconds) == ("fanfold", 600, 900)
    assert settings.hash_cost == Cost(memory=19456, passes=2)


def test_everything_can_be_set() -> None:
    given = GIVEN | {
        "FANFOLD_AUTH_AUDIENCE": "other", "FANFOLD_AUTH_TOKEN_SECONDS": "60",
        "FANFOLD_AUTH_REFRESH_SECONDS": "3600", "FANFOLD_AUTH_PUBLISH_SECONDS": "0",
    }  # fmt: skip
    settings = from_environment(given)
    assert (settings.audience, settings.token_seconds) == ("other", 60)
    assert (settings.refresh_seconds, settings.publish_seconds) == (3600, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", ""),
        ("ISSUER", "auth.example.org"), ("ISSUER", "ftp://x"), ("ISSUER", "https://x?y"), ("KEK_FILE", ""),
        ("AUDIENCE", ""),
        ("TOKEN_SECONDS", "ten"), ("TOKEN_SECONDS", "0"), ("TOKEN_SECONDS", ""), ("TOKEN_SECONDS", "1e3"),
        ("REFRESH_SECONDS", "-1"), ("PUBLISH_SECONDS", "-1"),
    ],
)  # fmt: skip
def test_a_bad_one_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"FANFOLD_AUTH_{name} is"):
        from_environment(GIVEN | {f"FANFOLD_AUTH_{name}": value})
