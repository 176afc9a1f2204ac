"""The inspector: signatures taken apart, JSON in colours, credentials masked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.simulator.inbox.inspection import as_json, coloured, masked_headers, read_signature, sent_body
from vonage_messages.webhooks.signing import sign_webhook

SECRET = "a-secret-of-more-than-32-characters-for-hs256"
PAYLOAD = {"channel": "sms", "text": "Grüße"}


def signed(body: bytes = sent_body(PAYLOAD)) -> dict[str, str]:
    return sign_webhook(body, SECRET, api_key="abcd1234", application_id="app", issued_at=1_700_000_000)


def test_a_signature_of_ours_is_taken_apart() -> None:
    signature = read_signature(signed(), sent_body(PAYLOAD), SECRET)

    assert signature is not None
    assert json.loads(signature.header)["alg"] == "HS256"
    assert json.loads(signature.claims)["api_key"] == "abcd1234"
    assert (signature.from_us, signature.hash_matches) == (True, True)


def test_a_forgery_and_a_changed_body_are_told() -> None:
    other_secret = read_signature(signed(), sent_body(PAYLOAD), SECRET + "x")
    other_body = read_signature(signed(b"{}"), sent_body(PAYLOAD), SECRET)

    assert other_secret is not None
    assert other_body is not None
    assert (other_secret.from_us, other_secret.hash_matches) == (False, True)
    assert (other_body.from_us, other_body.hash_matches) == (True, False)


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer a.b", "Basic a.b.c"])
def test_what_is_no_token_is_none(value: str) -> None:
    assert read_signature({"Authorization": value}, b"", SECRET) is None
    assert read_signature({}, b"", SECRET) is None


@given(st.text(max_size=60))
def test_no_token_stops_the_reading(token: str) -> None:
    signature = read_signature({"authorization": f"Bearer {token}.{token}.{token}"}, b"", SECRET)

    assert signature is None or not signature.from_us


@given(st.text(max_size=80))
def test_colours_change_no_character(text: str) -> None:
    assert "".join(token.text for token in coloured(text)) == text
    dumped = json.dumps({"a": text, "b": [1, -2.5e3, True, None]}, ensure_ascii=False, indent=2)
    assert "".join(token.text for token in coloured(dumped)) == dumped


def test_json_has_its_colours() -> None:
    tokens = [(token.sort, token.text) for token in coloured('{"a": "b", "c": [-1.5e3, true, null]}')]

    assert [each for each in tokens if each[0] != "other"] == [
        ("key", '"a"'),
        ("string", '"b"'),
        ("key", '"c"'),
        ("number", "-1.5e3"),
        ("word", "true"),
        ("word", "null"),
    ]


def test_credentials_are_masked() -> None:
    headers = [("authorization", "Bearer ey.ey.ey"), ("Cookie", "a=b"), ("X-Other", "kept"), ("Authorization", "odd")]

    assert masked_headers(headers) == (
        ("authorization", "Bearer ***"),
        ("Cookie", "***"),
        ("X-Other", "kept"),
        ("Authorization", "***"),
    )


def test_what_is_no_json_stays_as_it_is() -> None:
    assert as_json("plain") == "plain"
    assert as_json('{"a":1}') == '{\n  "a": 1\n}'
