"""Signatures: what is accepted, what the claims say, and how a verifier is made."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import jwt
import pytest
from multidict import CIMultiDict

from vonage_messages.errors import ConfigurationError, UnsignedWebhookError
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook

# The outside vector of "Concepts: Signed webhooks", section 8: made by other code than ours.
SECRET = "example-signature-secret-0123456789abcdef"
BODY = (
    b'{"message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab","to":"447700900000","from":"447700900001",'
    b'"timestamp":"2025-02-03T12:14:25Z","status":"delivered","channel":"sms"}'
)
BODY_HASH = "f7f86c34a66fcdcb9214897938666de8e934e20e5eaf2433155af7215a26c869"
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpYXQiOjE3Mzg1ODQ4NjUsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsInBheWxvYW"
    "RfaGFzaCI6ImY3Zjg2YzM0YTY2ZmNkY2I5MjE0ODk3OTM4NjY2ZGU4ZTkzNGUyMGU1ZWFmMjQzMzE1NWFmNzIxNWEyNmM4NjkiLCJhcGlfa2V5Ijoi"
    "YTFiMmMzZCIsImFwcGxpY2F0aW9uX2lkIjoiYWFhYWFhYWEtYmJiYi00Y2NjLThkZGQtMDEyMzQ1Njc4OWFiIn0."
    "SKxOGPuz8c4yc3_5uX0WrOUTzduEDdCai2--6k4w2Ak"
)
ISSUED_AT = 1738584865
API_KEY = "a1b2c3d"
APPLICATION_ID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def verifier(*secrets: object, now: float = ISSUED_AT, **options: object) -> SignatureVerifier:
    return SignatureVerifier(*(secrets or (SECRET,)), clock=lambda: now, **options)  # type: ignore[arg-type]


def signed(body: bytes = BODY, secret: str = SECRET, **claims: object) -> dict[str, str]:
    given: dict[str, object] = {"api_key": API_KEY, "issued_at": ISSUED_AT, **claims}
    return sign_webhook(body, secret, **given)  # type: ignore[arg-type]


def refusal(*secrets: object, **options: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        SignatureVerifier(*secrets, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_outside_vector_verifies() -> None:
    claims = verifier().verify({"Authorization": f"Bearer {TOKEN}"}, BODY)
    assert (claims.api_key, claims.application_id) == (API_KEY, APPLICATION_ID)
    assert claims.token_id == "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5"
    assert claims.payload_hash == BODY_HASH
    assert claims.issued_at == datetime(2025, 2, 3, 12, 14, 25, tzinfo=UTC)
    assert claims.raw["iss"] == "Vonage"
    assert claims.repeated is False


def test_signing_yields_the_outside_vector() -> None:
    headers = signed(application_id=APPLICATION_ID, token_id="c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5")
    assert headers["Authorization"] == f"Bearer {TOKEN}"


def test_signing_yields_what_another_implementation_verifies() -> None:
    token = signed()["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    assert claims["payload_hash"] == hashlib.sha256(BODY).hexdigest()


def test_signing_takes_a_datetime_as_well_as_seconds() -> None:
    instant = datetime.fromtimestamp(ISSUED_AT, UTC)
    assert signed(issued_at=instant, token_id="x") == signed(issued_at=float(ISSUED_AT), token_id="x")


def test_each_signature_has_a_fresh_token_id() -> None:
    assert signed()["Authorization"] != signed()["Authorization"]


def test_token_of_another_implementation_verifies() -> None:
    claims = {"iat": ISSUED_AT, "jti": "one", "iss": "Vonage", "payload_hash": BODY_HASH, "api_key": API_KEY}
    token = jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": "ignored"})
    assert verifier().verify({"Authorization": f"Bearer {token}"}, BODY).token_id == "one"


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_header_name_is_found_in_any_case(name: str) -> None:
    assert verifier().verify({name: f"Bearer {TOKEN}"}, BODY)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_scheme_is_taken_in_any_case(scheme: str) -> None:
    assert verifier().verify(CIMultiDict({"Authorization": f"{scheme} {TOKEN}"}), BODY)


def test_body_is_taken_as_a_bytearray_too() -> None:
    assert verifier().verify({"Authorization": f"Bearer {TOKEN}"}, bytearray(BODY))  # type: ignore[arg-type]


def test_body_that_was_decoded_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="raw bytes"):
        verifier().verify({"Authorization": f"Bearer {TOKEN}"}, BODY.decode())  # type: ignore[arg-type]


def test_every_secret_of_a_rotation_is_accepted() -> None:
    both = verifier("the-secret-of-today", "the-secret-of-yesterday")
    for secret in ("the-secret-of-today", "the-secret-of-yesterday"):
        assert both.verify(signed(secret=secret), BODY)


def test_secret_is_picked_by_the_account() -> None:
    accounts = verifier({"a1b2c3d": "the-secret-of-a", "e4f5a6b": ["new-secret-of-e", "old-secret-of-e"]})
    assert accounts.verify(signed(secret="the-secret-of-a"), BODY).api_key == "a1b2c3d"
    assert accounts.verify(signed(secret="old-secret-of-e", api_key="e4f5a6b"), BODY).api_key == "e4f5a6b"


def test_secret_is_used_as_utf8() -> None:
    assert verifier("gehëim-secret").verify(signed(secret="gehëim-secret"), BODY)
    assert verifier("gehëim-secret".encode()).verify(signed(secret="gehëim-secret"), BODY)


def test_age_window_can_be_turned_off() -> None:
    headers = signed()
    assert verifier(now=ISSUED_AT + 10**9, max_age=None).verify(headers, BODY)
    assert verifier(now=ISSUED_AT - 10**9, max_age=None).verify(headers, BODY)


def test_repetition_after_a_day_is_fresh_enough_by_default() -> None:
    assert verifier(now=ISSUED_AT + 24 * 3600).verify(signed(), BODY)


def test_clock_may_differ_by_the_leeway() -> None:
    assert verifier(now=ISSUED_AT - 5, leeway=5).verify(signed(), BODY)
    assert verifier(now=ISSUED_AT + 65, leeway=5, max_age=60).verify(signed(), BODY)


def test_application_id_is_optional() -> None:
    assert verifier().verify(signed(), BODY).application_id is None


def test_missing_issuer_is_tolerated() -> None:
    claims = {"iat": ISSUED_AT, "jti": "one", "payload_hash": BODY_HASH, "api_key": API_KEY}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    assert verifier().verify({"Authorization": f"Bearer {token}"}, BODY)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "  "}, {"Authorization": "Bearer"}, {"Authorization": "Bearer  "}],
)
def test_callback_without_a_token_asks_for_a_signed_retry(headers: dict[str, str]) -> None:
    with pytest.raises(UnsignedWebhookError) as caught:
        verifier().verify(headers, BODY)
    assert caught.value.status == 503


def test_token_that_was_not_committed_is_not_repeated() -> None:
    one = verifier()
    headers = signed()
    one.verify(headers, BODY)
    assert one.verify(headers, BODY).repeated is False


def test_token_that_was_committed_is_repeated() -> None:
    one = verifier()
    headers = signed()
    one.commit(one.verify(headers, BODY))
    assert one.verify(headers, BODY).repeated is True


def test_token_that_was_aborted_may_come_again() -> None:
    one = verifier()
    headers = signed(token_id="x")
    one.abort(one.verify(headers, BODY))
    assert one.verify(headers, BODY).repeated is False


def test_abort_leaves_what_was_committed() -> None:
    one = verifier()
    headers = signed()
    claims = one.verify(headers, BODY)
    one.commit(claims)
    one.abort(claims)
    assert one.verify(headers, BODY).repeated is True


def test_same_token_id_of_two_accounts_is_two_tokens() -> None:
    one = verifier()
    one.commit(one.verify(signed(token_id="x"), BODY))
    assert one.verify(signed(b"{}", token_id="x", api_key="other"), b"{}").repeated is False


def test_token_memory_forgets_the_oldest_first() -> None:
    one = verifier(remember_tokens=2)
    for token_id in ("a", "b", "c"):
        one.commit(one.verify(signed(token_id=token_id), BODY))
    assert [one.verify(signed(token_id=token_id), BODY).repeated for token_id in ("c", "b", "a")] == [True, True, False]


def test_token_that_was_forgotten_while_it_was_handled_is_known_again() -> None:
    one = verifier(remember_tokens=1)
    first, second = one.verify(signed(token_id="a"), BODY), one.verify(signed(token_id="b"), BODY)
    one.commit(first)
    assert one.verify(signed(token_id="a"), BODY).repeated is True
    one.commit(second)
    assert len(one._tokens._entries) == 1


def test_token_memory_can_be_turned_off() -> None:
    one = verifier(remember_tokens=0)
    one.commit(one.verify(signed(token_id="x"), BODY))
    assert one.verify(signed(b"{}", token_id="x"), b"{}").repeated is False


@pytest.mark.parametrize(
    "secret", ["", b"", "   ", "abc", "\n\n\n\n\n", "\ud800secret", None, 5, b"-----BEGIN PUBLIC KEY"]
)
def test_secret_that_cannot_be_one_is_refused(secret: object) -> None:
    assert "secret" in refusal(secret)


def test_secret_with_a_line_break_at_its_end_is_refused_without_showing_it() -> None:
    assert "hunter2" not in refusal("hunter2-hunter2\n")


def test_verifier_without_a_secret_is_refused() -> None:
    assert "dashboard" in refusal()


@pytest.mark.parametrize("secrets", [({},), ({"a": "good-secret"}, "another"), ({"": "good-secret"},), ({"a": []},)])
def test_mapping_that_cannot_work_is_refused(secrets: tuple[object, ...]) -> None:
    refusal(*secrets)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_age", -1), ("max_age", float("nan")), ("max_age", True), ("leeway", -1), ("leeway", float("inf")),
     ("leeway", None), ("remember_tokens", -1), ("remember_tokens", 1.5)],
)  # fmt: skip
def test_option_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    assert name in refusal(SECRET, **{name: value})


def test_repr_shows_neither_secret_nor_account() -> None:
    accounts = verifier({"a1b2c3d": SECRET})
    assert SECRET not in repr(accounts)
    claims = accounts.verify(signed(), BODY)
    assert "a1b2c3d" not in repr(claims)


@pytest.mark.parametrize("secret", [None, 5])
def test_an_account_whose_secret_is_no_text_is_refused_at_construction(secret: object) -> None:
    with pytest.raises(ConfigurationError):
        SignatureVerifier({"abcd1234": secret})  # type: ignore[dict-item]
