"""What schemathesis needs to know: a zip is sent as it is, and the admin who sends all requests is left in peace."""

from typing import Any

import schemathesis

schemathesis.serializer.alias("application/zip", "application/octet-stream")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Otherwise the admin is disabled or logged out at some time, and all that follows is refused."""
    if case.path_parameters.get("name") == "admin":
        case.path_parameters["name"] = "somebody-else"
    if case.operation.path.startswith("/v1/sessions") and case.method.upper() == "DELETE":
        case.query = {"owner": "victim"}
