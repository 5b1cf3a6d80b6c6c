"""Settings come from the environment, once, and errors say which variable is wrong: as those of auth_api do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from fanfold_submit.__main__ import main
from fanfold_submit.server import open_engine
from fanfold_submit.settings import MIB, Backends, Settings
from fanfold_web.command import BadSetting

GIVEN = {
    "FANFOLD_SUBMIT_ISSUER": "https://auth.example.org",
    "FANFOLD_SUBMIT_JWKS_URL": "http://auth:1337/v1/keys",
    "FANFOLD_SUBMIT_AUTH_URL": "https://auth.example.org",
    "FANFOLD_SUBMIT_STORE": "file:///nowhere/",
    "FANFOLD_SUBMIT_RECORDS": "sqlite:///nowhere.db",
}
ARGO = {
    "FANFOLD_SUBMIT_ENGINE": "argo",
    "FANFOLD_SUBMIT_NAMESPACE": "fanfold",
    "FANFOLD_SUBMIT_STEPS_IMAGE": "fanfold-steps:1",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_defaults() -> None:
    settings = Settings.from_environment()
    assert (settings.audience, settings.argo_ui, settings.s3_places) == ("fanfold", None, ())
    assert (settings.largest_file, settings.largest_bundle) == (100 * 1024 * MIB, 512 * MIB)


def test_everything_can_be_set(environment: pytest.MonkeyPatch) -> None:
    values = {
        "AUDIENCE": "other", "ARGO_UI": "http://{host}:2746", "S3_PLACES": "s3://a/,s3://b/c/,",
        "LARGEST_FILE": "1", "LARGEST_BUNDLE": "1024",
    }  # fmt: skip
    for name, value in values.items():
        environment.setenv(f"FANFOLD_SUBMIT_{name}", value)
    settings = Settings.from_environment()
    assert (settings.audience, settings.argo_ui) == ("other", "http://{host}:2746")
    assert (settings.s3_places, settings.largest_file, settings.largest_bundle) == (("s3://a/", "s3://b/c/"), 1, 1024)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", ""), ("JWKS_URL", ""), ("AUTH_URL", ""), ("AUDIENCE", ""),
        ("JWKS_URL", "auth:1337"), ("AUTH_URL", "ftp://auth"), ("ARGO_UI", "argo"), ("ARGO_UI", "http://"),
        ("S3_PLACES", "s3://a/,/tmp/"), ("S3_PLACES", "s3://a"), ("S3_PLACES", "s3:///"),
        ("LARGEST_FILE", "a lot"), ("LARGEST_FILE", "0"), ("LARGEST_BUNDLE", "-1"), ("LARGEST_BUNDLE", "1e3"),
    ],
)  # fmt: skip
def test_a_bad_one_is_named(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(f"FANFOLD_SUBMIT_{name}", value)
    with pytest.raises(BadSetting, match=f"FANFOLD_SUBMIT_{name} is"):
        Settings.from_environment()


def test_settings_stay_as_they_are() -> None:
    settings = Settings.from_environment()
    with pytest.raises(ValidationError):
        settings.audience = "other"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "FANFOLD_SUBMIT_ENGINE is not set"),
        ({"FANFOLD_SUBMIT_ENGINE": "spark"}, "FANFOLD_SUBMIT_ENGINE is 'spark'"),
        (ARGO | {"FANFOLD_SUBMIT_NAMESPACE": ""}, "FANFOLD_SUBMIT_NAMESPACE is not set"),
        (ARGO | {"FANFOLD_SUBMIT_STEPS_IMAGE": ""}, "FANFOLD_SUBMIT_STEPS_IMAGE is not set"),
    ],
)
def test_an_engine_that_cannot_be_is_named(
    environment: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    for name, value in changes.items():
        environment.setenv(name, value)
    with pytest.raises(BadSetting, match=words):
        open_engine(Backends.from_environment(), ())


Status = Callable[..., tuple[int, str]]


@pytest.fixture
def status(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Status:
    """The exit status of `python -m fanfold_submit`, and what it says."""

    def run(*arguments: str, **changes: str) -> tuple[int, str]:
        backends = {
            "FANFOLD_SUBMIT_STORE": f"file://{tmp_path}/store/",
            "FANFOLD_SUBMIT_RECORDS": f"sqlite://{tmp_path}/submit.db",
            "FANFOLD_SUBMIT_ENGINE": "local",
        }
        for name, value in (backends | changes).items():
            environment.setenv(name, value)
        try:
            ended = main(arguments)
        except SystemExit as exit_:
            ended = int(exit_.code or 0)
        return ended, capsys.readouterr().err

    return run


@pytest.mark.parametrize("port", ["70000", "65536", "-1", "http"])
def test_what_is_no_port_is_refused(status: Status, port: str) -> None:
    ended, words = status("serve", "--port", port)
    assert (ended, f"{port!r} is not a port" in words) == (2, True), words


@pytest.mark.parametrize(
    ("changes", "ended", "words"),
    [
        ({"FANFOLD_SUBMIT_STORE": ""}, 2, "FANFOLD_SUBMIT_STORE is not set"),
        ({"FANFOLD_SUBMIT_STORE": "ftp://x/"}, 2, "ftp://x/"),
        ({"FANFOLD_SUBMIT_RECORDS": ""}, 2, "FANFOLD_SUBMIT_RECORDS is not set"),
        ({"FANFOLD_SUBMIT_RECORDS": "mysql://x"}, 2, "mysql://x"),
        ({"FANFOLD_SUBMIT_ENGINE": "spark"}, 2, "FANFOLD_SUBMIT_ENGINE is 'spark'"),
    ],
)
def test_what_it_cannot_serve_with_is_named(status: Status, changes: dict[str, str], ended: int, words: str) -> None:
    found, printed = status("serve", "--port", "0", **changes)
    assert (found, words in printed) == (ended, True), printed
