"""Made-up events are what the platform sends: typed, checked by the reference, and signed where asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vonage_messages import SimulatorError
from vonage_messages.testing import inbound_event, signed_callback, status_event
from vonage_messages.webhooks import SignatureVerifier, parse_inbound, parse_status
from vonage_messages.webhooks.content import Image, Reply, Text

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECRET = "a secret of thirty-two characters"


def test_what_a_person_writes_is_made_up_where_nothing_is_said() -> None:
    event = inbound_event()

    assert (event.channel, event.from_, event.to) == ("whatsapp", "447700900000", "447700900001")
    assert isinstance(event.content, Text)
    assert event == parse_inbound(event.raw)


def test_what_is_said_takes_the_place_of_what_is_made_up() -> None:
    event = inbound_event(
        channel="rcs",
        message_type="reply",
        from_="447700900009",
        to="Acme",
        at=NOON,
        message_uuid="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        reply={"id": "no", "title": "No"},
    )

    assert isinstance(event.content, Reply)
    assert (event.content.id, event.content.title) == ("no", "No")
    assert (event.from_, event.message_uuid, event.timestamp) == (
        "447700900009",
        "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        NOON,
    )


def test_a_quoted_message_stands_in_the_context() -> None:
    event = inbound_event(reply_to="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", text="Yes")

    assert event.context is not None
    assert event.context.message_uuid == "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


@pytest.mark.parametrize("version", ["v1", "v0.1"])
def test_both_versions_give_the_same_event(version: str) -> None:
    event = inbound_event(message_type="image", version=version)

    assert event.version == version
    assert isinstance(event.content, Image)


@pytest.mark.parametrize(
    "wrong", [{"message_type": "carousel"}, {"channel": "fax"}, {"colour": "red"}, {"version": "v2"}]
)
def test_what_the_platform_does_not_send_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SimulatorError):
        inbound_event(**wrong)


@pytest.mark.parametrize("version", ["v1", "v0.1"])
def test_a_status_is_made_up_for_either_version(version: str) -> None:
    event = status_event("rejected", code=1022, client_ref="order-7", at=NOON, version=version)

    assert (event.version, event.status, event.client_ref) == (version, "rejected", "order-7")
    assert event.error is not None
    assert event.error.code == 1022
    assert event == parse_status(event.raw)


def test_a_status_of_no_known_version_is_refused() -> None:
    with pytest.raises(SimulatorError, match="v2"):
        status_event(version="v2")


def test_a_signed_callback_passes_the_verifier_that_has_its_secret() -> None:
    callback = signed_callback(inbound_event(text="Hello"), SECRET, api_key="12345678")

    claims = SignatureVerifier(SECRET).verify(callback.headers, callback.body)

    assert claims.api_key == "12345678"
    assert parse_inbound(callback.body).raw["text"] == "Hello"


def test_a_callback_that_was_signed_long_ago_is_refused() -> None:
    callback = signed_callback(status_event().raw, SECRET, at=datetime(2020, 1, 1, tzinfo=UTC))

    with pytest.raises(Exception, match="old"):
        SignatureVerifier(SECRET).verify(callback.headers, callback.body)


def test_texts_and_tokens_stay_out_of_the_repr() -> None:
    callback = signed_callback(inbound_event(text="my secret"), SECRET)

    assert repr(callback) == "SignedCallback()"
