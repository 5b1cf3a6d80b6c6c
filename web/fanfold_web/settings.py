"""Settings from environment variables, with errors that name the variable and say what to give it."""

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from fanfold_web.command import BadSetting

S = TypeVar("S", bound="ServiceSettings")


def split_at_commas(value: Any) -> Any:
    """The words of a text that are separated by commas; anything else unchanged."""
    return tuple(word for word in value.split(",") if word) if isinstance(value, str) else value


class ServiceSettings(BaseSettings):
    """A frozen object with everything an operator can set.

    A subclass names its `env_prefix`. The description of each field completes the sentence "give it …". Only
    `from_environment` reads the environment; whoever builds the object in code gets exactly what they pass.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    # Names by which the service is reached; requests that name another host are refused. Empty: any.
    hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_at_commas)] = Field(
        default=(), description="host names without ports, separated by commas; the default is any"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing but what the constructor is given."""
        return (init_settings,)

    @classmethod
    def from_environment(cls: type[S]) -> S:
        """Read the environment variables. Raises BadSetting, which names the first that is missing or invalid."""
        values = EnvSettingsSource(cls)()
        empty = {name for name, value in values.items() if value == "" and cls.model_fields[name].is_required()}
        try:
            return cls(**{name: value for name, value in values.items() if name not in empty})
        except ValidationError as error:
            raise BadSetting(_sentence(cls, error)) from None


def _sentence(settings: type[ServiceSettings], error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    field = settings.model_fields[name]
    variable = f"{settings.model_config['env_prefix']}{name}".upper()
    what = "is not set" if first["type"] == "missing" else f"is {first['input']!r}" if first["input"] else "is empty"
    return f"{variable} {what}: give it {field.description}"
