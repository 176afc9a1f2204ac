"""SMS: one class, one message type. Reference: Messages API v1, section "sms"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import BaseMessage, Value, build, nested, to_number
from vonage_messages.channels.enums import ChannelType, EncodingType, MessageType


@attrs.frozen(kw_only=True, weakref_slot=False)
class SmsOptions(Value):
    """
    The ``sms`` object: encoding, the ids that regulation asks for (India's DLT, say), and a Number Pool.

    With ``pool_id`` the platform picks the sender; ``from_`` stays required as the fall-back.
    """

    encoding_type: str | None = attrs.field(default=None, metadata=rules.choice(EncodingType))
    content_id: str | None = attrs.field(default=None, metadata=rules.text())
    entity_id: str | None = attrs.field(default=None, metadata=rules.text())
    pool_id: str | None = attrs.field(default=None, metadata=rules.text())


def to_sms_options(value: SmsOptions | Mapping[str, Any] | None) -> SmsOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("SmsOptions | None", build(SmsOptions, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Sms(BaseMessage):
    """
    A text message.

    ``Sms(to="447700900000", from_="Acme", text="Hello")``

    ``text`` has 1 to 3,200 characters; ``ttl`` is 20 to 604,800 seconds; ``trusted_recipient`` passes Fraud Defender
    by for this message (Premium); ``trusted_sender`` is its deprecated predecessor. Over v0.1 the text may have
    1,000 characters, and only ``client_ref`` (40) goes beside it.

    Raises:
        InvalidMessageError: a field is refused; all problems are listed.

    Reference: Messages API v1, section "sms".
    """

    from_: str = attrs.field(converter=to_number, metadata=rules.number_or_sender(alphanumeric=True))
    text: str = attrs.field(metadata=rules.text(max=3200))
    ttl: int | None = attrs.field(default=None, metadata=rules.integer(20, 604800, "seconds"))
    trusted_recipient: bool | None = attrs.field(default=None, metadata=rules.boolean())
    trusted_sender: bool | None = attrs.field(default=None, metadata=rules.boolean())
    sms: SmsOptions | None = attrs.field(default=None, converter=to_sms_options, metadata=nested(SmsOptions))
    channel: str = attrs.field(default=ChannelType.SMS, metadata=rules.constant("sms"))
    message_type: str = attrs.field(default=MessageType.TEXT, metadata=rules.constant("text"))
