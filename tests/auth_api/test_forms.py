"""The forms of OAuth: which bodies are forms, and how OpenAPI tells of them."""

import pytest

from tests.auth_api.service import Replica

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"token=a", None, "must be form-encoded"), (b"token=a", "text/plain", "must be form-encoded"),
        (b'{"token": "a"}', "application/json", "must be form-encoded"),
        (b"\xff=a", FORM, "not a form of at most 20 parameters"),
        (b"&".join(b"a%d=" % number for number in range(21)), FORM, "not a form of at most 20 parameters"),
        (b"&".join(b"a%d=" % number for number in range(20)), FORM, "The parameter token is missing"),
        (b"token=a&token=a", FORM, "given twice"), (b"token=&token=a", FORM, "given twice"),
        (b"other=a&other=b&token=a", FORM, "given twice"),
        (b"", FORM, "The parameter token is missing"), (b"token=", FORM, "The parameter token is missing"),
        (b"token", FORM, "The parameter token is missing"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_form_is_refused(replica: Replica, body: bytes, kind: str | None, words: str) -> None:
    answer = replica.http.post("/v1/revoke", content=body, headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=utf-8", FORM.upper(), f" {FORM} ;x"])
def test_unknown_parameters_are_ignored(replica: Replica, kind: str) -> None:
    answer = replica.http.post("/v1/revoke", content=b"token=unknown&more=%20", headers={"Content-Type": kind})
    assert answer.status_code == 200


def test_openapi_demands_the_form_and_its_parameters(replica: Replica) -> None:
    document = replica.http.get("/openapi.json").json()
    exchanged = ["code", "code_verifier", "grant_type", "redirect_uri", "refresh_token", "subject_token"]
    exchanged += ["subject_token_type"]
    for path, required, names in (("/v1/token", ["grant_type"], exchanged), ("/v1/revoke", ["token"], ["token"])):
        body = document["paths"][path]["post"]["requestBody"]
        schema = body["content"][FORM]["schema"]
        assert (body["required"], schema["required"], sorted(schema["properties"])) == (True, required, names)
        assert body["content"][FORM]["example"].keys() <= schema["properties"].keys()
