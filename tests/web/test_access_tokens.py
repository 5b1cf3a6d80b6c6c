"""Signatures are remembered, and nothing else: what is checked every time stays checked."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from fanfold_web.refusals import Unauthenticated
from fanfold_web.tokens import access_tokens
from fanfold_web.tokens.access_tokens import Verifier
from tests.submit_api.conftest import ISSUER, Signer

SIGNER = Signer("key-1")


class Keys(dict[str, rsa.RSAPublicKey]):
    """The keys by their ids; counts nothing, keeps nothing."""

    def find(self, kid: str) -> rsa.RSAPublicKey | None:
        return self.get(kid)


@pytest.fixture
def keys() -> Keys:
    return Keys({"key-1": SIGNER.key.public_key()})


def verifier_of(keys: Keys, moment: list[float]) -> Verifier:
    return Verifier(ISSUER, "fanfold", keys.find, lambda: moment[0])


def signatures_checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills with the tokens whose signature is checked from now on."""
    tokens: list[str] = []
    decode = access_tokens._jws.decode_complete

    def counting(token: str, *arguments: object) -> dict[str, object]:
        tokens.append(token)
        return decode(token, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(access_tokens._jws, "decode_complete", counting)
    return tokens


def test_a_signature_is_checked_once(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = signatures_checked(monkeypatch)
    token = SIGNER.token()
    verifier = verifier_of(keys, [SIGNER.claims()["iat"]])
    assert verifier.verify(token) == verifier.verify(token) == verifier.verify(token)
    assert checked == [token]
    keys["key-1"] = jwt.PyJWK(SIGNER.jwk(), "RS256").key  # fetched again
    verifier.verify(token)
    assert checked == [token]


def test_a_remembered_token_expires_and_ends_with_its_key(keys: Keys) -> None:
    token, moment = SIGNER.token(), [float(SIGNER.claims()["iat"])]
    verifier = verifier_of(keys, moment)
    verifier.verify(token)
    moment[0] += 700
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.verify(token)
    moment[0] -= 700
    keys["key-1"] = Signer("key-1").key.public_key()
    with pytest.raises(Unauthenticated, match="signature is wrong"):
        verifier.verify(token)
    keys.clear()
    with pytest.raises(Unauthenticated, match="does not publish"):
        verifier.verify(token)


def test_only_what_was_verified_is_recalled(keys: Keys) -> None:
    token, moment = SIGNER.token(), [float(SIGNER.claims()["iat"])]
    verifier = verifier_of(keys, moment)
    assert verifier.recall(token, keys.find) is None
    claims = verifier.verify(token)
    assert verifier.recall(token, keys.find) == claims
    assert verifier.recall(token, lambda _: None) is None
    assert verifier.recall(token, lambda _: Signer("key-1").key.public_key()) is None
    moment[0] += 700
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.recall(token, keys.find)


def test_what_is_refused_is_not_remembered(keys: Keys) -> None:
    verifier = verifier_of(keys, [SIGNER.claims()["iat"]])
    token = SIGNER.token()
    verifier.verify(token)
    for other in (token[:-4] + "AAAA", Signer("key-1").token(), SIGNER.token(stamp=None)):
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                verifier.verify(other)
    assert len(verifier._verified) == 1


def test_what_is_remembered_is_bounded(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens, "MOST_REMEMBERED", 3)
    verifier = verifier_of(keys, [SIGNER.claims()["iat"]])
    for number in range(10):
        assert verifier.verify(SIGNER.token(f"user{number}")).sub == f"user{number}"
        assert len(verifier._verified) <= 3
