"""What type checkers see of messages and of the wire: read by mypy and pyright, never run."""

from __future__ import annotations

from typing import Any, assert_type

from vonage_messages import (
    AnyMessage,
    AnySms,
    AnyViber,
    BaseMessage,
    ChannelType,
    InvalidMessageError,
    JSONObject,
    Message,
    MmsContent,
    MmsContentItemAudio,
    MmsContentItemFile,
    MmsContentItemImage,
    MmsContentItemVcard,
    MmsContentItemVideo,
    MmsImage,
    MmsResource,
    Problem,
    RawMessage,
    RcsText,
    Sms,
    SmsOptions,
    ViberTemplate,
    WhatsappCustom,
    WhatsappLocation,
    WhatsappSticker,
    WhatsappStickerId,
    WhatsappStickerUrl,
    WhatsappTemplate,
    WhatsappTemplateSettings,
    from_payload,
    to_json,
    to_payload,
)

sms = Sms(to="447700900000", from_="Acme", text="Hello", sms={"pool_id": "p1"}, ttl=60)
assert_type(sms.to, str)
assert_type(sms.text, str)
assert_type(sms.ttl, int | None)
assert_type(sms.client_ref, str | None)
assert_type(sms.channel, str)
assert_type(sms.sms, SmsOptions | None)
assert_type(sms.failover, tuple[Message, ...] | None)

# Keywords in every accepted form.
MmsImage(to="14155550101", from_="14155550100", image="https://example.com/cat.jpg")
MmsImage(to="14155550101", from_="14155550100", image={"url": "https://example.com/cat.jpg"})
assert_type(MmsImage(to="1", from_="1", image=MmsResource(url="https://example.com/cat.jpg")).image, MmsResource)
Sms(to="447700900000", from_="Acme", text="Hello", failover=[sms, RawMessage({"channel": "fax"})])
Sms(to="447700900000", from_="Acme", text="Hello", channel=ChannelType.SMS)

content = MmsContent(to="1", from_="1", content=[MmsContentItemImage(url="https://example.com/cat.jpg")])
assert_type(
    content.content,
    tuple[
        MmsContentItemImage | MmsContentItemAudio | MmsContentItemVideo | MmsContentItemFile | MmsContentItemVcard, ...
    ],
)
sticker = WhatsappSticker(to="1", from_="1", sticker={"id": "s1"})
assert_type(sticker.sticker, WhatsappStickerUrl | WhatsappStickerId)
template = WhatsappTemplate(to="1", from_="1", template={"name": "verify"})
assert_type(template.whatsapp, WhatsappTemplateSettings)
custom = WhatsappCustom(to="1", from_="1", custom=WhatsappLocation(longitude=0.0, latitude=0.0))
assert_type(custom.custom, JSONObject)

# What mypy must refuse: an unused ignore would be an error of its own.
Sms(to="447700900000", from_="Acme")  # type: ignore[call-arg]  # text is required
Sms(to=447700900000, from_="Acme", text="Hello")  # type: ignore[arg-type]  # a number is text
Sms(to="447700900000", from_="Acme", text="Hello", colour="blue")  # type: ignore[call-arg]  # no such field
Sms("447700900000", "Acme", "Hello")  # type: ignore[call-arg]  # keywords alone
sms.text = "changed"  # type: ignore[misc]  # frozen

assert_type(to_payload(sms), dict[str, Any])
assert_type(to_payload(SmsOptions(), "v0.1"), dict[str, Any])
assert_type(to_json(sms, api_version="v0.1"), bytes)
assert_type(from_payload({"channel": "sms"}, lenient=True), Message)
to_payload(sms, "v2")  # type: ignore[arg-type]  # there is none


def send(message: AnyMessage) -> str:
    """Take any message."""
    return message.to


def send_sms(message: AnySms) -> Sms:
    """Take an SMS: the union of the channel has one member."""
    return message


def send_viber(message: AnyViber) -> BaseMessage:
    """Take any Viber message."""
    return message


send(sms)
send(RawMessage({"channel": "fax"}))
send_viber(ViberTemplate(to="1", from_="1", template={"name": "verify"}))
send_viber(RcsText(to="1", from_="Acme", text="Hi"))  # type: ignore[arg-type]  # of another channel


def problems(error: InvalidMessageError) -> list[str]:
    """Read the problems of an error."""
    assert_type(error.problems, tuple[Problem, ...])
    assert_type(error.retryable, bool)
    return [f"{path}: {message}" for path, message in error.problems]
