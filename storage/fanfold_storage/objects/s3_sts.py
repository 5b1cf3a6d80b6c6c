"""Temporary S3 credentials for named places, by `AssumeRole` of AWS's STS, which MinIO offers too.

A session policy can only narrow what the caller itself may do.
See https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import ParseError

import certifi
from minio.credentials.providers import AssumeRoleProvider
from minio.error import MinioException
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from fanfold_storage.errors import InvalidKey, Unavailable, Unsupported
from fanfold_storage.objects.s3_bucket import endpoint_of

_AWS_STS = "https://sts.amazonaws.com"
_LONGEST_POLICY = 2048  # characters, on AWS
_DIGEST = re.compile("(?<=/)[0-9a-f]{64}$")
_ENOUGH = 12
"""Of a name that is a SHA-256, so many digits stand for all: a policy has room for few whole ones, and whoever knows
these of an object of somebody else's must know that object, or find a collision of 48 bits with it."""
_READ = ("s3:GetObject",)
_WRITE = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


def session_credentials(environ: Mapping[str, str], places: Mapping[str, bool], seconds: int) -> dict[str, str]:
    """Credentials that are limited to some places and expire after `seconds`, as AWS's environment variables.

    Args:
        environ: AWS's variables, with credentials that may call AssumeRole. AWS_ENDPOINT_URL_STS defaults to the S3
            server itself. AWS also needs AWS_ROLE_ARN.
        places: URLs of objects and of folders, which end with a slash; and whether each may be written, too.
        seconds: 900 or more; servers have an upper limit.

    Raises:
        InvalidKey: a URL can't be written into a policy.
        Unsupported: the server has no STS, or refuses.
        Unavailable: the server doesn't respond.
    """
    endpoint = endpoint_of(environ)
    sts = environ.get("AWS_ENDPOINT_URL_STS") or endpoint or _AWS_STS
    provider = AssumeRoleProvider(
        sts_endpoint=sts,
        access_key=environ.get("AWS_ACCESS_KEY_ID", ""),
        secret_key=environ.get("AWS_SECRET_ACCESS_KEY", ""),
        duration_seconds=seconds,
        policy=session_policy(places),
        region=environ.get("AWS_REGION") or "us-east-1",
        role_arn=environ.get("AWS_ROLE_ARN"),
        role_session_name="fanfold",
        http_client=PoolManager(
            timeout=Timeout(connect=5, read=30), retries=2, ca_certs=environ.get("AWS_CA_BUNDLE") or certifi.where()
        ),
    )
    try:
        found = provider.retrieve()
    except HTTPError as error:
        raise Unavailable(f"no response from {sts}: {error}") from error
    except (MinioException, ParseError, ValueError, AttributeError) as error:  # other XML, or none
        raise Unsupported(
            f"{sts} issues no credentials by AssumeRole ({' '.join(str(error).split())[:200]})"
        ) from error
    return {
        "AWS_ACCESS_KEY_ID": found.access_key,
        "AWS_SECRET_ACCESS_KEY": found.secret_key,
        "AWS_SESSION_TOKEN": found.session_token or "",
    }


def session_policy(places: Mapping[str, bool]) -> str:
    """The IAM policy that allows to read some places, and to write those that may be written, as JSON. Objects named by
    their SHA-256 can only be read.

    >>> session_policy({"s3://lake/logs/": False})[:60]
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Acti'

    Raises:
        InvalidKey: a URL contains a wildcard of policies, or the policy would be too long.
    """
    read: list[str] = []
    written: list[str] = []
    prefixes: dict[str, list[str]] = {}
    for url, is_writable in places.items():
        name = url.removeprefix("s3://")
        bucket = name.partition("/")[0]
        if any(sign in name for sign in "*?$"):
            raise InvalidKey(f"{url} contains *, ? or $, which S3's policies read as a pattern: rename it")
        if digest := _DIGEST.search(name):
            read.append(f"arn:aws:s3:::{name[: digest.start() + _ENOUGH]}*")
            continue
        pattern = f"{name}*" if name.endswith("/") else name
        read.append(f"arn:aws:s3:::{pattern}")
        if is_writable:
            written.append(read[-1])
        prefixes.setdefault(bucket, []).append(pattern.partition("/")[2])
    statements = [_allow(_READ, read), *([_allow(_WRITE, written)] if written else [])]
    for bucket, patterns in prefixes.items():
        listing = _allow(("s3:ListBucket",), [f"arn:aws:s3:::{bucket}"])
        statements.append(listing | {"Condition": {"StringLike": {"s3:prefix": patterns}}})
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(policy) > _LONGEST_POLICY:
        raise InvalidKey(
            f"an S3 policy for all of them would exceed {_LONGEST_POLICY} characters: name fewer places or packages"
        )
    return policy


def _allow(actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
