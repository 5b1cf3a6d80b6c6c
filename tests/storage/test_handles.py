"""Handles of staged writes travel through commits, which a job's own code can write to: each is parsed or refused."""

import json
from collections.abc import Callable

import pytest

from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects.staged_files import STAGED, key_of, place_of
from fanfold_storage.objects.staged_uploads import Upload, parse_handle
from tests.json_changes import changes_of

IN_A_FOLDER = {"staged": f"{STAGED}/a%2Fb~0123"}
IN_S3 = {"key": "a/b", "id": "an upload", "marked": True, "etags": ["one", "two"]}


def test_a_handle_tells_what_was_staged() -> None:
    place = place_of(json.dumps(IN_A_FOLDER))
    assert (place, key_of(place)) == ([STAGED, "a%2Fb~0123"], "a/b")
    assert parse_handle(json.dumps(IN_S3)) == (Upload("a/b", "an upload", True), ["one", "two"])


@pytest.mark.parametrize(("parse", "handle"), [(place_of, IN_A_FOLDER), (parse_handle, IN_S3)])
def test_a_handle_that_somebody_changed_is_refused_in_words_or_read(
    parse: Callable[[str], object], handle: dict[str, object]
) -> None:
    refused = 0
    for text in ("", "no JSON", *map(json.dumps, changes_of(handle))):
        try:
            parse(text)
        except InvalidKey as error:
            assert "not the handle of a write staged in" in str(error) or "key" in str(error)
            refused += 1
    assert refused > len(handle) + 10


@pytest.mark.parametrize("place", ["", STAGED, f"{STAGED}/", "elsewhere/a~1", f"{STAGED}/../a~1", f"a/{STAGED}/b~1"])
def test_a_handle_never_leads_elsewhere(place: str) -> None:
    with pytest.raises(InvalidKey):
        place_of(json.dumps({"staged": place}))
