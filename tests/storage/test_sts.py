"""The policies of credentials that reach only some places; tests/storage_servers has them obeyed by a real server."""

import json

import pytest

from fanfold_storage.errors import InvalidKey, Unavailable, Unsupported
from fanfold_storage.objects.s3_sts import session_policy
from fanfold_storage.urls import session_credentials
from tests.servers import S3Server


def test_folders_are_patterns_and_objects_names() -> None:
    read, write, *lists = json.loads(
        session_policy({"s3://b/files/ann/": True, "s3://b/bundles/x.zip": False, "s3://c/": False})
    )["Statement"]
    assert read["Action"] == ["s3:GetObject"]
    assert read["Resource"] == ["arn:aws:s3:::b/files/ann/*", "arn:aws:s3:::b/bundles/x.zip", "arn:aws:s3:::c/*"]
    assert write["Resource"] == ["arn:aws:s3:::b/files/ann/*"]
    assert [(each["Resource"], each["Condition"]["StringLike"]["s3:prefix"]) for each in lists] == [
        (["arn:aws:s3:::b"], ["files/ann/*", "bundles/x.zip"]),
        (["arn:aws:s3:::c"], ["*"]),
    ]


def test_names_that_are_hashes_are_shortened_so_that_many_fit() -> None:
    read, _ = json.loads(session_policy({"s3://b/c/": False, f"s3://b/bundles/{'0a' * 32}": False}))["Statement"]
    assert read["Resource"] == ["arn:aws:s3:::b/c/*", "arn:aws:s3:::b/bundles/0a0a0a0a0a0a*"]
    many = {f"s3://fanfold/bundles/{number:064x}": False for number in range(30)}
    assert session_policy({"s3://fanfold/files/0123456789abcdefghij/": True, **many})


@pytest.mark.parametrize("name", ["a*", "a?b", "${aws:username}"])
def test_what_a_policy_reads_as_a_pattern_is_refused(name: str) -> None:
    with pytest.raises(InvalidKey, match="read as a pattern: rename it"):
        session_policy({f"s3://b/{name}/": True})


def test_a_policy_that_servers_refuse_is_refused_here() -> None:
    with pytest.raises(InvalidKey, match="would exceed 2048 characters: name fewer places or packages"):
        session_policy({f"s3://b/{'x' * 100}{number}/": False for number in range(20)})


def test_a_server_without_sts_is_told(seaweedfs_server: S3Server) -> None:
    with pytest.raises(Unsupported, match="issues no credentials by AssumeRole"):
        session_credentials(seaweedfs_server.environ, {"s3://b/x/": True}, 3600)


def test_a_server_that_is_away_is_told() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    with pytest.raises(Unavailable, match=r"no response from http://127\.0\.0\.1:9"):
        session_credentials({"AWS_ENDPOINT_URL": "http://127.0.0.1:9", **keys}, {"s3://b/x/": True}, 3600)
