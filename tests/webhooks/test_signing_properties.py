"""Whatever arrives: the verifier ends in claims or in an error of ours."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vonage_messages.errors import SignatureError, WebhookError
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook

SECRET = "example-signature-secret-0123456789abcdef"
BODY = b'{"message_uuid":"one","status":"delivered"}'
NOW = 1_738_584_865
TOKEN = sign_webhook(BODY, SECRET, api_key="a1b2c3d", issued_at=NOW, token_id="x")["Authorization"]
VERIFIER = SignatureVerifier(SECRET, clock=lambda: NOW)
ACCOUNTS = SignatureVerifier({"a1b2c3d": SECRET}, clock=lambda: NOW)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text().map(lambda text: f"Bearer {text}"), st.binary())
def test_arbitrary_header_never_gets_through(header: str, body: bytes) -> None:
    for verifier in (VERIFIER, ACCOUNTS):
        try:
            verifier.verify({"Authorization": header}, body)
        except WebhookError:
            continue
        raise AssertionError(header)


@settings(max_examples=500, deadline=None)
@given(st.integers(7, len(TOKEN) - 1), st.characters())
def test_token_with_one_character_changed_is_refused(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    for verifier in (VERIFIER, ACCOUNTS):
        try:
            verifier.verify({"Authorization": changed}, BODY)
        except SignatureError:
            continue
        assert changed == TOKEN


@settings(max_examples=300, deadline=None)
@given(st.binary())
def test_other_body_is_refused(body: bytes) -> None:
    try:
        VERIFIER.verify({"Authorization": TOKEN}, body)
    except SignatureError:
        return
    assert body == BODY


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["iat", "jti", "iss", "exp", "nbf", "payload_hash", "api_key", "application_id"]), json_values)
def test_arbitrary_claim_that_is_signed_ends_in_claims_or_our_error(name: str, value: Any) -> None:
    import jwt  # noqa: PLC0415  only here: a signer that asks nothing of the claims but that they are JSON

    claims = json.loads(json.dumps({**genuine_claims(), name: value}))
    payload = json.dumps(claims).encode()
    token = jwt.api_jws.encode(payload, SECRET, algorithm="HS256")
    try:
        verified = VERIFIER.verify({"Authorization": f"Bearer {token}"}, BODY)
    except SignatureError:
        return
    assert verified.raw == claims


def genuine_claims() -> dict[str, Any]:
    import jwt  # noqa: PLC0415  see above

    return dict(jwt.decode(TOKEN.removeprefix("Bearer "), options={"verify_signature": False}))
