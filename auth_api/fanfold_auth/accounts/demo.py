"""The accounts of a demo, whose password everybody knows. Whoever creates them sees to it that only a demo has them."""

from fanfold_auth.accounts.users import Role, Users
from fanfold_auth.refusals import UserExists

GUEST, ADMIN = "guest", "admin"
PASSWORD = "password"  # noqa: S105 (known to everybody)
ROLES: dict[str, Role] = {GUEST: "submitter", ADMIN: "admin"}


def create_accounts(users: Users) -> list[str]:
    """Create the demo's accounts and return the names of those that didn't exist; existing ones stay as they are."""
    created = []
    for name, role in ROLES.items():
        try:
            users.create(name, PASSWORD, [role], any_password=True)
        except UserExists:
            continue
        created.append(name)
    return created
