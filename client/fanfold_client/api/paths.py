"""The URL paths of things in the services. An id or a name that nothing can have is told before anything is sent.

An HTTP client changes some paths (`..`, an empty part), so that another route would answer, in words of its own.
"""

import re
from urllib.parse import quote

from fanfold_client.api.problems import NotFound, Refused
from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects import validate_key

NAME_PATTERN = "[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?"  # as in the services; a test compares them
_JOB_ID = re.compile("[0-9a-z]{20}")


def job_path(job: str, what: str = "") -> str:
    """The path of a job, or of something of it, such as `logs`. Raises NotFound: no job can have this id."""
    if not _JOB_ID.fullmatch(job):
        what = f"There is no job {job[:80]!r}: a job's id has 20 small letters and digits. `fanfold jobs` lists yours."
        raise _absent("job", what)
    return f"/v1/jobs/{job}/{what}" if what else f"/v1/jobs/{job}"


def user_path(name: str, what: str = "") -> str:
    """The path of an account, or of something of it. Raises NotFound: no user can have this name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise _absent("user", f"There is no user {name[:80]!r}: `fanfold users list` lists the accounts.")
    return f"/v1/users/{name}/{quote(what)}" if what else f"/v1/users/{name}"


def owner_path(owner_id: str) -> str:
    """The path of all that belongs to an id. Raises NotFound: no user can have this id."""
    if not re.fullmatch(NAME_PATTERN, owner_id):
        raise _absent(
            "user", f"There is no user with the id {owner_id[:80]!r}: `fanfold users list --json` shows the ids."
        )
    return f"/v1/owners/{owner_id}"


def schedule_path(name: str, action: str = "") -> str:
    """The path of a schedule, or of what is to be done with it. Raises NotFound: no schedule can have this name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise _absent("schedule", f"There is no schedule {name[:80]!r}: `fanfold schedule list` lists yours.")
    return f"/v1/schedules/{name}/{action}" if action else f"/v1/schedules/{name}"


def delegation_path(delegation: str) -> str:
    """The path of a delegation. Raises NotFound: none can have this id."""
    if not re.fullmatch(NAME_PATTERN, delegation):
        raise _absent(
            "delegation", f"There is no delegation {delegation[:80]!r}: `fanfold delegations list` lists yours."
        )
    return f"/v1/delegations/{delegation}"


def file_path(path: str) -> str:
    """The path of a file. Raises Refused: no file can have this path."""
    try:
        return f"/v1/files/{quote(validate_key(path))}"
    except UnicodeEncodeError as error:
        raise Refused(f"{path!r} can't be a path in the service, as it isn't UTF-8: rename the file") from error
    except InvalidKey as error:
        raise Refused(str(error)) from error


def _absent(what: str, detail: str) -> NotFound:
    """The error that the service would respond with if it were asked."""
    problem = {
        "type": f"urn:fanfold:problem:no-such-{what}",
        "title": f"No such {what}",
        "status": 404,
        "detail": detail,
    }
    return NotFound(detail, problem)
