"""Attacks on the credentials, as pure calls: a fixed clock, keys made once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.simulator.keys import process_private_key, public_key_of
from vonage_messages.simulator.tokens import Account, check_authorization

NOW = 1_800_000_000.0
ISSUED = int(NOW)
CLAIMS: dict[str, Any] = {
    "application_id": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "iat": ISSUED,
    "jti": "one",
    "exp": ISSUED + 900,
}
DAY = 24 * 60 * 60


@pytest.fixture(scope="module")
def account() -> Account:
    return Account(
        api_key="abcd1234",
        api_secret="s3cr3t:with:colons",
        application_id=CLAIMS["application_id"],
        public_key=public_key_of(process_private_key()),
    )


@pytest.fixture(scope="module")
def stranger_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(claims: dict[str, Any], key: Any = None, algorithm: str = "RS256", **headers: Any) -> str:
    return jwt.encode(claims, key or process_private_key(), algorithm=algorithm, headers=headers)


def verdict(account: Account, *headers: str, bearer_only: bool = False) -> str:
    """Give the fragment of the answer's type, or ``good``."""
    problem = check_authorization(headers, account, NOW, bearer_only=bearer_only)
    if problem is None:
        return "good"
    assert problem.status == 401
    return problem.type.partition("#")[2]


def token_verdict(account: Account, token: str) -> str:
    return verdict(account, f"Bearer {token}")


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def rs256(header: Any, payload: Any) -> str:
    """Sign any two texts with the right key: what no honest library would make."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  used here only
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415  used here only

    key = serialization.load_pem_private_key(process_private_key().encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signing_input = f"{encoded(header)}.{encoded(payload)}"
    signature = key.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{encoded(signature)}"


def test_a_token_made_by_hand_is_good(account: Account) -> None:
    assert token_verdict(account, rs256({"alg": "RS256", "typ": "JWT"}, CLAIMS)) == "good"


def test_a_token_of_another_library_is_good(account: Account) -> None:
    assert token_verdict(account, signed(CLAIMS)) == "good"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer "])
def test_the_scheme_is_read_without_case(account: Account, scheme: str) -> None:
    assert verdict(account, f"{scheme} {signed(CLAIMS)}") == "good"


def test_key_and_secret_are_good(account: Account) -> None:
    assert verdict(account, basic(b"abcd1234:s3cr3t:with:colons")) == "good"


@pytest.mark.parametrize(
    "pair",
    [b"abcd1234:wrong", b"other:s3cr3t:with:colons", b"abcd1234:", b":", b"abcd1234", b"", b"None:None", b"\xff:\xff"],
)
def test_wrong_key_or_secret_is_unauthorized(account: Account, pair: bytes) -> None:
    assert verdict(account, basic(pair)) == "unauthorized"


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ", "Basic !!!", "Basic ab cd", "Basic äöü", "Bearer", "Digest x", "x", ""]
)
def test_malformed_credentials_are_unauthorized(account: Account, header: str) -> None:
    assert verdict(account, header) == "unauthorized"


def test_no_credentials_are_the_documented_misspelling(account: Account) -> None:
    assert verdict(account) == "unathorized"


def test_two_kinds_of_credentials_are_refused(account: Account) -> None:
    pair = basic(b"abcd1234:s3cr3t:with:colons")
    token = f"Bearer {signed(CLAIMS)}"
    assert verdict(account, pair, token) == "multiple-auth-methods"
    assert verdict(account, f"{pair}, {token}") == "multiple-auth-methods"
    assert verdict(account, pair, pair) == "multiple-auth-methods"


def test_an_update_takes_tokens_only(account: Account) -> None:
    assert verdict(account, basic(b"abcd1234:s3cr3t:with:colons"), bearer_only=True) == "unauthorized"
    assert verdict(account, f"Bearer {signed(CLAIMS)}", bearer_only=True) == "good"


def test_a_token_signed_by_a_stranger_is_unauthorized(account: Account, stranger_key: rsa.RSAPrivateKey) -> None:
    assert token_verdict(account, signed(CLAIMS, stranger_key)) == "unauthorized"


def test_a_token_whose_claims_were_changed_after_signing_is_unauthorized(account: Account) -> None:
    header, _, signature = signed(CLAIMS).split(".")
    forged = encoded(CLAIMS | {"jti": "two"})
    assert token_verdict(account, f"{header}.{forged}.{signature}") == "unauthorized"


def test_an_unsigned_token_is_unauthorized(account: Account) -> None:
    assert token_verdict(account, f"{encoded({'alg': 'none'})}.{encoded(CLAIMS)}.") == "unauthorized"


def test_the_public_key_is_no_shared_secret(account: Account) -> None:
    pem = account.public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(CLAIMS)}"
    forged = hmac.new(pem, signing_input.encode(), hashlib.sha256).digest()
    assert token_verdict(account, f"{signing_input}.{encoded(forged)}") == "unauthorized"


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_only_rs256_is_taken_even_with_the_right_key(account: Account, algorithm: str) -> None:
    assert token_verdict(account, signed(CLAIMS, algorithm=algorithm)) == "unauthorized"


def test_a_key_inside_the_token_is_not_used(account: Account, stranger_key: rsa.RSAPrivateKey) -> None:
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(stranger_key.public_key(), as_dict=True)
    assert token_verdict(account, signed(CLAIMS, stranger_key, jwk=numbers)) == "unauthorized"


@pytest.mark.parametrize("name", ["application_id", "iat", "jti"])
@pytest.mark.parametrize(
    "change", [lambda claims, name: claims.pop(name), lambda claims, name: claims.update({name: None})]
)
def test_a_missing_claim_is_unauthorized(
    account: Account, name: str, change: Callable[[dict[str, Any], str], Any]
) -> None:
    claims = dict(CLAIMS)
    change(claims, name)
    problem = check_authorization([f"Bearer {rs256({'alg': 'RS256'}, claims)}"], account, NOW, bearer_only=False)
    assert problem is not None
    assert problem.type.endswith("#unauthorized")
    assert f"no {name} claim" in problem.detail


@pytest.mark.parametrize(
    "changed",
    [
        {"application_id": 5},
        {"application_id": ""},
        {"application_id": "\ud800"},
        {"jti": 5},
        {"jti": ""},
        {"iat": "now"},
        {"iat": True},
        {"iat": 10**400},
        {"exp": "tomorrow"},
        {"exp": 10**400},
        {"exp": [ISSUED]},
        {"nbf": {}},
    ],
)
def test_a_claim_of_another_kind_is_unauthorized(account: Account, changed: dict[str, Any]) -> None:
    assert token_verdict(account, rs256({"alg": "RS256"}, CLAIMS | changed)) == "unauthorized"


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"1e999", b"-1e999"])
def test_an_expiry_that_is_no_instant_is_unauthorized(account: Account, literal: bytes) -> None:
    payload = json.dumps(CLAIMS).encode().replace(str(CLAIMS["exp"]).encode(), literal)
    assert token_verdict(account, rs256({"alg": "RS256"}, payload)) == "unauthorized"


def test_another_application_is_not_provisioned(account: Account) -> None:
    assert token_verdict(account, signed(CLAIMS | {"application_id": "other"})) == "unprovisioned"


def test_a_token_lives_until_its_expiry_and_no_longer(account: Account) -> None:
    assert token_verdict(account, signed(CLAIMS | {"iat": ISSUED - 900, "exp": ISSUED + 1})) == "good"
    assert token_verdict(account, signed(CLAIMS | {"iat": ISSUED - 900, "exp": ISSUED})) == "jwt-expired"
    assert token_verdict(account, signed(CLAIMS | {"exp": 0})) == "jwt-expired"


def test_without_an_expiry_a_token_lives_fifteen_minutes(account: Account) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != "exp"}
    assert token_verdict(account, signed(claims | {"iat": ISSUED - 899})) == "good"
    assert token_verdict(account, signed(claims | {"iat": ISSUED - 900})) == "jwt-expired"


def test_a_token_may_live_a_day_and_no_longer(account: Account) -> None:
    assert token_verdict(account, signed(CLAIMS | {"exp": ISSUED + DAY})) == "good"
    assert token_verdict(account, signed(CLAIMS | {"exp": ISSUED + DAY + 1})) == "unauthorized"
    dated_ahead = CLAIMS | {"iat": ISSUED + DAY, "exp": ISSUED + 2 * DAY}
    assert token_verdict(account, signed(dated_ahead)) == "unauthorized"


def test_a_token_is_not_good_before_its_time(account: Account) -> None:
    assert token_verdict(account, signed(CLAIMS | {"nbf": ISSUED})) == "good"
    assert token_verdict(account, signed(CLAIMS | {"nbf": ISSUED + 1})) == "unauthorized"


def test_a_token_nested_to_death_is_refused_and_not_a_crash(account: Account) -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    assert token_verdict(account, rs256(deep, CLAIMS)) == "unauthorized"
    assert token_verdict(account, rs256({"alg": "RS256"}, deep)) == "unauthorized"


@pytest.mark.parametrize("payload", [b"[]", b"null", b"\xff", b"5", b'"text"'])
def test_claims_that_are_no_object_are_refused(account: Account, payload: bytes) -> None:
    assert token_verdict(account, rs256({"alg": "RS256"}, payload)) == "unauthorized"


def test_no_answer_repeats_a_credential(account: Account) -> None:
    for header in (basic(b"abcd1234:guess"), f"Bearer {signed(CLAIMS | {'jti': 5})}", "Bearer guess", "guess x"):
        problem = check_authorization([header], account, NOW, bearer_only=False)
        text = json.dumps(problem.body()) if problem else ""
        assert problem is not None
        assert not any(secret in text for secret in ("abcd1234", "guess", "s3cr3t", header))


def test_an_account_does_not_show_its_secret(account: Account) -> None:
    assert "s3cr3t" not in repr(account)


@given(header=st.text() | st.text().map("Bearer {}".format) | st.binary().map(basic))
def test_arbitrary_credentials_are_never_good(account: Account, header: str) -> None:
    assert verdict(account, header) in ("unauthorized", "multiple-auth-methods")
