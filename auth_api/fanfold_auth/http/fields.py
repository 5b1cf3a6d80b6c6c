"""Types of body fields. A body with an unknown field (a role in a login, say) is refused."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from fanfold_web.tokens.authorization import NAME_PATTERN


def _text(password: SecretStr) -> SecretStr:
    """JSON can escape half a surrogate pair, which is not text and has no bytes to hash."""
    try:
        password.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("not valid Unicode") from None
    return password


Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$", max_length=63, description="A user's name")]
Password = Annotated[SecretStr, AfterValidator(_text)]
EXAMPLE_PASSWORD = "correct horse battery staple"  # noqa: S105 (an example)


def body(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a body's model: no unknown fields, and an example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


def moment(seconds: float) -> datetime:
    """Unix seconds as bodies show them: in UTC, truncated to whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
