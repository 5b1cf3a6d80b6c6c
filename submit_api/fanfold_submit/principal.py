"""Somebody who owns files and jobs, and what they may do."""

from dataclasses import dataclass
from typing import Literal, get_args

from fanfold_web.refusals import Forbidden

Role = Literal["viewer", "submitter", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what the ones before it may


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, their roles and groups, as a token says. Things belong to the id; the name may become another user's."""

    id: str
    name: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    is_script: bool = False
    """Whether a script acts for the user, by an API token."""

    @property
    def teams(self) -> tuple[str, ...]:
        """The groups that the user is in; the claim also lists roles among them."""
        return tuple(group for group in self.groups if group not in ROLES)

    def may(self, role: Role) -> bool:
        """Whether one of the roles is this one or above it."""
        return any(ROLES.index(own) >= ROLES.index(role) for own in self.roles)

    @property
    def is_admin(self) -> bool:
        """Whether the principal may see everybody's jobs."""
        return self.may("admin")

    def demand_person(self) -> None:
        """Raise Forbidden for a script: what a stolen API token can do must end with it, when it is revoked."""
        if self.is_script:
            raise Forbidden("An API token can't do this, since it would outlast the token: log in, and do it then.")

    def demand(self, role: Role, what: str = "This") -> None:
        """Raise Forbidden unless the principal may act in this role; `what` says what needs it."""
        if not self.may(role):
            own = ", ".join(self.roles) or "none"
            raise Forbidden(f"{what} needs the role {role}; {self.name!r} has: {own}. Ask an administrator for it.")
