"""What an S3 server's errors mean: by their code, or by their HTTP status, or by how the connection failed."""

from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from fanfold_storage.errors import (
    InvalidKey,
    NotFound,
    PermissionDenied,
    StorageError,
    Unavailable,
    Unknown,
    Unsupported,
)


class NoSuchUpload(NotFound):
    """The multipart upload was completed or aborted."""


class Taken(StorageError):
    """A condition on the existing object, If-None-Match or If-Match, doesn't hold."""


class OutOfRange(StorageError):
    """The object has no byte at the range's start."""


_TRANSIENT_CODES = {
    "ConditionalRequestConflict",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
}
_TRANSIENT_STATUSES = {409, 429, 500, 502, 503, 504}

_KEYS = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_REGION = "Set AWS_REGION to the bucket's region."
_CODES: dict[str, tuple[type[StorageError], str]] = {
    "NoSuchKey": (NotFound, "Check the key."),
    "NoSuchBucket": (NotFound, "Create the bucket, or check its name."),
    "NoSuchUpload": (NoSuchUpload, "It was completed or discarded."),
    "AccessDenied": (PermissionDenied, "Check the bucket's policy, or whose AWS_ACCESS_KEY_ID this is (if it is set)."),
    "InvalidAccessKeyId": (PermissionDenied, _KEYS),
    "SignatureDoesNotMatch": (PermissionDenied, _KEYS),
    "InvalidToken": (PermissionDenied, "Check AWS_SESSION_TOKEN."),
    "ExpiredToken": (PermissionDenied, "The session is over: get new credentials."),
    "RequestTimeTooSkewed": (PermissionDenied, "Set this machine's clock right."),
    "AuthorizationHeaderMalformed": (PermissionDenied, _REGION),
    "PermanentRedirect": (PermissionDenied, _REGION),
    "KeyTooLongError": (InvalidKey, "Choose shorter names."),
    "InvalidObjectName": (InvalidKey, "Choose another name."),
    "XMinioInvalidObjectName": (InvalidKey, "Choose another name."),
    "XMinioParentIsObject": (InvalidKey, "A part of the key is an object already: choose another name."),
    "XMinioObjectExistsAsDirectory": (InvalidKey, "Other objects lie below this key: choose another name."),
    "InvalidBucketName": (InvalidKey, "Check the bucket's name."),
    "PreconditionFailed": (Taken, "Look at what is there now."),
    "InvalidRange": (OutOfRange, "Ask for less."),
    "NotImplemented": (Unsupported, "Use another S3 server."),
    "XMinioStorageFull": (Unavailable, "The server's disk is full: make room."),
    "QuotaExceeded": (Unavailable, "The quota is used up: make room."),
}
_STATUSES = {
    301: "PermanentRedirect",
    401: "AccessDenied",
    403: "AccessDenied",
    404: "NoSuchKey",
    412: "PreconditionFailed",
    416: "InvalidRange",
    501: "NotImplemented",
}


def is_transient(error: Exception) -> bool:
    """Whether a retry may help."""
    if isinstance(error, HTTPError):
        return not isinstance(error, SSLError)
    return _code(error) in _TRANSIENT_CODES or _status(error) in _TRANSIENT_STATUSES


def explain(action: str, place: str, error: Exception) -> StorageError:
    """Fanfold's error for an error of the client, which says what failed, where, and how to fix it."""
    what = f"cannot {action} {place}: "
    if isinstance(error, HTTPError):
        return _explain_connection(what, error, writing=action in {"write", "complete"})
    code, status = _code(error), _status(error)
    if code in _CODES or status in _STATUSES:
        kind, mend = _CODES.get(code) or _CODES[_STATUSES[status]]
        return kind(f"{what}{_message(error)}. {mend}")
    if is_transient(error):
        kind = Unknown if action in {"write", "complete"} and status != 503 else Unavailable
        return kind(f"{what}{_message(error)}. The server has a problem or is busy: try again later.")
    return StorageError(f"{what}{_message(error)}")


def _explain_connection(what: str, error: HTTPError, *, writing: bool) -> StorageError:
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return Unavailable(f"{what}no response. Is the server running, and is AWS_ENDPOINT_URL correct? ({error})")
    if isinstance(error, SSLError):
        return Unavailable(f"{what}no secure connection. Check the URL's scheme, or AWS_CA_BUNDLE. ({error})")
    is_late = isinstance(error, ReadTimeoutError)
    reason = "it did not respond in time" if is_late else f"the connection broke ({error})"
    return (Unknown if writing else Unavailable)(f"{what}{reason}. Try again later.")


def _code(error: Exception) -> str:
    return (error.code or "") if isinstance(error, S3Error) else ""


def _status(error: Exception) -> int:
    if isinstance(error, S3Error):
        return int(error.response.status)
    if isinstance(error, ServerError):
        return error.status_code
    return error._code if isinstance(error, InvalidResponseError) else 0


def _message(error: Exception) -> str:
    if isinstance(error, S3Error):
        return f"{(error.message or 'refused').rstrip('.')} ({error.code})"
    return f"HTTP status {_status(error)}" if _status(error) else f"an unintelligible response ({error})"
