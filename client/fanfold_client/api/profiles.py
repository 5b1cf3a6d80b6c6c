"""Profiles: the services that the command talks to, and the user. They are stored in a file that may be edited.

$XDG_CONFIG_HOME/fanfold/config.toml      [profiles.NAME] url, auth_url, user     (mode 0600)
"""

import json
import os
import re
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from fanfold_client.api.problems import NotAllowed, Refused

DEFAULT_URL = "http://127.0.0.1:1338"
DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """Services, and the user to log in as; `url` is that of the submit service."""

    name: str
    url: str
    auth_url: str
    user: str

    @property
    def login(self) -> str:
        """The command that logs in to this profile."""
        words = ["fanfold login", self.url if self.url != DEFAULT_URL else ""]
        words += ["--profile", self.name] if self.name != DEFAULT_PROFILE else []
        return f"`{' '.join(word for word in words if word)}`"


def profile_name(given: str | None) -> str:
    """The name of the profile to use: `given`, else FANFOLD_PROFILE, else `default`.

    Raises:
        Refused: it isn't a valid name.
    """
    name = given or os.environ.get("FANFOLD_PROFILE") or DEFAULT_PROFILE
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise Refused(f"{name!r} is not a valid profile name: use letters, digits, '-' and '_'")
    return name


def load_profile(given: str | None) -> Profile:
    """The stored profile.

    Raises:
        NotAllowed: it has never been used to log in.
        Refused: the file is invalid.
    """
    name = profile_name(given)
    fields = _profiles().get(name)
    if fields is None:
        raise NotAllowed(f"not logged in (profile {name}): run {Profile(name, DEFAULT_URL, '', '').login}")
    try:
        return Profile(name, **fields)
    except TypeError as error:
        raise Refused(f"{_file()}: [profiles.{name}] must have url, auth_url and user, and nothing else") from error


def url_of(given: str | None) -> str:
    """The profile's URL; by default that of the profile `default`, then DEFAULT_URL."""
    profiles = _profiles()
    fields = profiles.get(profile_name(given)) or profiles.get(DEFAULT_PROFILE) or {}
    return fields.get("url", DEFAULT_URL)


def save_profile(profile: Profile) -> None:
    """Store a profile, replacing one of the same name."""
    fields = asdict(profile)
    profiles = _profiles() | {fields.pop("name"): fields}
    sections = []
    for name, values in profiles.items():
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
        sections.append(f"[profiles.{name}]\n{''.join(lines)}")
    write_private(_file(), "\n".join(sections))


def directory(kind: str, default: str) -> Path:
    """Fanfold's folder under `$XDG_<kind>_HOME`, or under `default` in the home folder."""
    base = os.environ.get(f"XDG_{kind}_HOME")
    return (Path(base) if base else Path.home() / default) / "fanfold"


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically and durably; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # created with mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def _profiles() -> dict[str, dict[str, str]]:
    try:
        return dict(tomllib.loads(_file().read_text(encoding="utf-8")).get("profiles", {}))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{_file()} is not valid TOML ({error}): fix it, or remove it and log in again") from error


def _file() -> Path:
    return directory("CONFIG", ".config") / "config.toml"
