"""The groups that tokens name, for services that decide by them what somebody may do."""

from fanfold_auth.accounts.users import User


def groups_of(user: User) -> list[str]:
    """The user's roles, as granted."""
    return list(user.roles)
