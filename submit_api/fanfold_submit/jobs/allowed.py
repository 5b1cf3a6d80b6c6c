"""What a job asks for, held against what the operator allows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from fanfold.planning.demand import secrets_of, without_effect_here
from fanfold_steps.job.spec import JobSpec
from fanfold_submit.refusals import JobRefused, WebhookNotAllowed
from fanfold_submit.settings import Settings
from fanfold_submit.webhooks.targets import InvalidTarget, TargetNotAllowed, Targets
from fanfold_web.refusals import Invalid


@dataclass(frozen=True, slots=True)
class Allowed:
    """The images, Secrets and priorities that jobs may name, as patterns; on one machine there are none of these."""

    images: Sequence[str]
    secrets: Sequence[str]
    priorities: Sequence[str]
    engine: str
    webhooks: Targets = field(default_factory=Targets)

    @classmethod
    def by(cls, settings: Settings, engine: str) -> "Allowed":
        """What an operator's settings allow."""
        return cls(settings.images, settings.secrets, settings.priorities, engine, Targets(settings.webhooks))

    def check_notify(self, url: str) -> None:
        """See whether a job may notify this URL. Raises WebhookNotAllowed; Invalid: no message can be sent to it."""
        try:
            self.webhooks.check(url)
        except InvalidTarget as error:
            raise Invalid(f"notify: {url!r} can't be notified: {error}.") from None
        except TargetNotAllowed as error:
            known = ", ".join(self.webhooks.entries) or "none"
            raise WebhookNotAllowed(
                f"{error} of webhooks ({known}): ask them to add it to FANFOLD_SUBMIT_WEBHOOKS, or leave `notify` out."
            ) from None

    def check(self, spec: JobSpec) -> list[str]:
        """A sentence for each thing that has no effect here. Raises JobRefused: the job names what isn't allowed."""
        for name, secret in secrets_of(spec).items():
            what = f"The variable {name} comes from the Secret {secret}"
            if self.engine == "local":
                raise JobRefused(f"{what}, and there are none on this service's own machine: leave it out.")
            if not _matches(secret, self.secrets) and not _matches(secret.partition("/")[0], self.secrets):
                raise JobRefused(_refusal(what, "FANFOLD_SUBMIT_SECRETS"))
        if self.engine == "local":
            return list(without_effect_here(spec))
        if spec.image is not None and not _matches(spec.image, self.images):
            raise JobRefused(_refusal(f"The job names the image {spec.image}", "FANFOLD_SUBMIT_IMAGES"))
        for priority in _priorities(spec):
            if not _matches(priority, self.priorities):
                raise JobRefused(_refusal(f"The job names the priority {priority}", "FANFOLD_SUBMIT_PRIORITIES"))
        return []


def _priorities(spec: JobSpec) -> Iterator[str]:
    for asked in (spec.resources, *(stage.resources for stage in spec.stages)):
        if asked and asked.priority:
            yield asked.priority


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refusal(what: str, setting: str) -> str:
    return f"{what}, which this service doesn't allow: ask its operator to add it to {setting}, or leave it out."
