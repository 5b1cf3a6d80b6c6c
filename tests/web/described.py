"""Whether an OpenAPI document tells what a real answer is: its status, its type, and the headers that matter."""

from typing import Any

import httpx

MATTERING = {
    "accept-ranges", "allow", "content-range", "etag", "location", "retry-after", "www-authenticate", "x-request-id",
}  # fmt: skip


def told(document: dict[str, Any], template: str, verb: str, answer: httpx.Response) -> dict[str, Any]:
    """What the document says of such an answer, which has to be true."""
    what = (verb, template, answer.status_code)
    responses = document["paths"][template][verb.lower()]["responses"]
    assert str(answer.status_code) in responses, what
    response = resolved(document, responses[str(answer.status_code)])
    headers = {name.lower(): resolved(document, header) for name, header in response["headers"].items()}
    carried = {name.lower() for name in answer.headers}
    assert carried & MATTERING <= set(headers), what
    assert {name for name, header in headers.items() if header["required"]} <= carried, what
    types = response.get("content", {})
    if answer.content:
        assert answer.headers["content-type"].partition(";")[0] in types, what
    else:
        assert not types or answer.request.method == "HEAD" or answer.headers["content-length"] == "0", what
    return response


def resolved(document: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What a reference within the document leads to."""
    if "$ref" not in found:
        return found
    place: Any = document
    for part in found["$ref"].removeprefix("#/").split("/"):
        place = place[part]
    return dict(place)
