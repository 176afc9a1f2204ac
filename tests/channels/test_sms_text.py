"""What of an SMS is counted, in whatever form the message was given."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.sms import Sms, SmsOptions
from vonage_messages.channels.sms_text import text_and_encoding
from vonage_messages.channels.whatsapp import WhatsappText


def sms(**more: Any) -> Sms:
    return Sms(to="447700900000", from_="Acme", text="Hi", **more)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (sms(), ("Hi", "auto")),
        (sms(sms=SmsOptions(encoding_type="unicode")), ("Hi", "unicode")),
        (sms(sms=SmsOptions(pool_id="pool")), ("Hi", "auto")),
        (RawMessage({"text": "Hi"}), ("Hi", "auto")),
        (RawMessage({"text": "Hi", "sms": {"encoding_type": "text"}}), ("Hi", "text")),
        (RawMessage({"text": "Hi", "sms": {"encoding_type": "morse"}}), None),
        (RawMessage({"text": "Hi", "sms": {"encoding_type": ["text"]}}), None),
        (RawMessage({"message": {"content": {"text": "Hi"}}}), ("Hi", "auto")),
        (RawMessage({"message": {"content": "Hi"}}), None),
        (RawMessage({"text": 5}), None),
        (WhatsappText(to="447700900000", from_="447700900001", text="Hi"), None),
    ],
)
def test_text_is_found_with_the_encoding_it_goes_out_in(message: Message, expected: tuple[str, str] | None) -> None:
    assert text_and_encoding(message) == expected
