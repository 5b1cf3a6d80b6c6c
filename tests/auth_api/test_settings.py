"""Settings come from the environment, once, and errors say which variable is wrong and what to give it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from fanfold_auth.settings import Settings
from fanfold_web.command import BadSetting

ENVIRONMENT = {"FANFOLD_AUTH_ISSUER": "https://auth.example.org", "FANFOLD_AUTH_KEK_FILE": "/etc/fanfold/kek"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_defaults_are_those_of_the_design() -> None:
    settings = Settings.from_environment()
    assert settings == Settings(issuer="https://auth.example.org", kek_file=Path("/etc/fanfold/kek"))
    assert (settings.audience, settings.token_seconds, settings.publish_seconds) == ("fanfold", 600, 900)


def test_everything_can_be_set(environment: pytest.MonkeyPatch) -> None:
    values = {"AUDIENCE": "other", "TOKEN_SECONDS": "60", "REFRESH_SECONDS": "3600", "PUBLISH_SECONDS": "0"}
    for name, value in values.items():
        environment.setenv(f"FANFOLD_AUTH_{name}", value)
    settings = Settings.from_environment()
    assert (settings.audience, settings.token_seconds) == ("other", 60)
    assert (settings.refresh_seconds, settings.publish_seconds) == (3600, 0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ISSUER", "", "is not set: give it the public URL of this service, such as https://"),
        ("ISSUER", "auth.example.org", "is 'auth.example.org': give it the public URL"),
        ("ISSUER", "ftp://x", "is 'ftp://x': give it"), ("ISSUER", "https://x?y", "is 'https://x?y': give it"),
        ("KEK_FILE", "", "is not set: give it the path of a file with at least 32 random bytes"),
        ("AUDIENCE", "", "is empty: give it the name of the services"),
        ("TOKEN_SECONDS", "ten", "is 'ten': give it a whole number of seconds, 2 or more"),
        ("TOKEN_SECONDS", "0", "is '0'"), ("TOKEN_SECONDS", "", "is empty"), ("TOKEN_SECONDS", "1e3", "is '1e3'"),
        ("REFRESH_SECONDS", "-1", "is '-1'"), ("PUBLISH_SECONDS", "-1", "is '-1'"),
    ],
)  # fmt: skip
def test_a_bad_one_is_named(environment: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    environment.setenv(f"FANFOLD_AUTH_{name}", value)
    with pytest.raises(BadSetting) as refusal:
        Settings.from_environment()
    assert str(refusal.value).startswith(f"FANFOLD_AUTH_{name} {words}")


def test_a_missing_one_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("FANFOLD_AUTH_KEK_FILE")
    with pytest.raises(BadSetting, match="FANFOLD_AUTH_KEK_FILE is not set: give it the path of a file"):
        Settings.from_environment()


def test_settings_made_in_code_ignore_the_environment_and_stay_as_they_are(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FANFOLD_AUTH_TOKEN_SECONDS", "60")
    settings = Settings(issuer="https://other.example.org", kek_file=Path("/kek"))
    assert (settings.issuer, settings.token_seconds) == ("https://other.example.org", 600)
    with pytest.raises(ValidationError, match="frozen"):
        settings.issuer = "https://auth.example.org"
