"""Whatever is sent, the answer is a problem with words, never a 5xx and never somebody else's data."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.submit_api.conftest import Site


def json_values(depth: int) -> st.SearchStrategy[Any]:
    """JSON that is nested at most so deeply."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    if not depth:
        return leaves
    inner = json_values(depth - 1)
    return leaves | st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)


JSON = json_values(3)
PLACES = st.sampled_from(["files:texts/", "files:", "files:..", "s3://x/", "@shared", "files:@shared/x"]) | st.text()
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "job": st.sampled_from([{"builtin": "wordcount"}, {"bundle": "0" * 64, "entry": "a:b"}])
        | st.builds(lambda spec: {"spec": spec}, st.dictionaries(st.text(max_size=8), JSON, max_size=4))
        | JSON,
        "inputs": st.lists(PLACES, max_size=3) | st.dictionaries(st.text(max_size=5), st.lists(PLACES)) | JSON,
        "output": PLACES | JSON,
        "name": st.text() | JSON,
        "params": JSON,
        "partitions": st.integers() | JSON,
        "workers": st.just(1) | JSON,
        "split_size": st.integers() | JSON,
    },
)


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(body=REQUESTS | JSON, key=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20))
def test_no_request_breaks_admission(shared_site: Site, body: Any, key: str) -> None:
    ada = shared_site.user("ada-fuzz")
    content = json.dumps(body).encode()
    headers = {"Idempotency-Key": key.strip(), "Content-Type": "application/json"}
    answer = ada.http.post("/v1/jobs", content=content, headers=headers)
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert answer.json()["detail"] and answer.json()["status"] == answer.status_code


@settings(max_examples=40, deadline=None)
@given(path=st.text(min_size=1, max_size=40), query=st.text(max_size=20), number=st.text(max_size=5))
def test_no_path_or_query_breaks_reading(shared_site: Site, path: str, query: str, number: str) -> None:
    eve = shared_site.user("eve-fuzz")
    for url, params in [
        ("/v1/files", {"prefix": path, "cursor": query, "limit": number}),
        ("/v1/jobs", {"cursor": path, "state": query, "limit": number}),
        ("/v1/jobs", {"owner": path}),
    ]:
        answer = eve.http.get(url, params=params)
        assert answer.status_code < 500, answer.text
        assert answer.status_code >= 400 or answer.json()["items"] == []


def test_deep_and_huge_json_is_refused(shared_site: Site) -> None:
    ada = shared_site.user("ada-fuzz")
    for value in ["[" * 100_000 + "]" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "9" * 5000, "1e999", "NaN"]:
        body = f'{{"job": {{"builtin": "wordcount"}}, "inputs": [], "params": {{"p": {value}}}}}'
        answer = ada.http.post("/v1/jobs", content=body.encode(), headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (value[:9], answer.status_code, answer.text)
