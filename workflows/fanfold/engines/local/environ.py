"""Which environment variables workers on this machine get."""

import re
from collections.abc import Mapping

_FOR_SERVICES = re.compile("FANFOLD_(SUBMIT|AUTH|TOKEN|URL|PROFILE|TASK|ENDED).*")
_TO_RUN_AT_ALL = re.compile(
    "PATH|HOME|XDG_CACHE_HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_.*|TZ|VIRTUAL_ENV|PYTHON.*|LD_LIBRARY_PATH|DYLD_.*|SSL_CERT_.*"
    "|MALLOC_.*|OMP_.*|POLARS_.*|FANFOLD_(CRASH_AT|DEBUG)"
)
_TO_OPEN_S3 = re.compile("AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|ENDPOINT_URL|CA_BUNDLE)")


def of_ones_own_job(environ: Mapping[str, str]) -> dict[str, str]:
    """All that somebody's own job may know: what isn't about the services, to which they may be logged in.

    >>> of_ones_own_job({"PATH": "/bin", "MODEL": "small", "FANFOLD_TOKEN": "secret"})
    {'PATH': '/bin', 'MODEL': 'small'}
    """
    return {name: value for name, value in environ.items() if not _FOR_SERVICES.fullmatch(name)}


def of_users_jobs(environ: Mapping[str, str], *, in_s3: bool) -> dict[str, str]:
    """What jobs of a service's users get: what Python needs to run; with `in_s3`, also what opens the service's store.

    >>> of_users_jobs({"PATH": "/bin", "GITHUB_TOKEN": "secret", "AWS_REGION": "eu"}, in_s3=False)
    {'PATH': '/bin'}
    """
    found = [_TO_RUN_AT_ALL, _TO_OPEN_S3] if in_s3 else [_TO_RUN_AT_ALL]
    return {name: value for name, value in environ.items() if any(names.fullmatch(name) for names in found)}
