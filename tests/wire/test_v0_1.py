"""What the older endpoint cannot say is refused with a sentence, at the path that it has there."""

from __future__ import annotations

from typing import Any

import pytest

import vonage_messages
from vonage_messages import (
    InvalidMessageError,
    Message,
    MessengerImage,
    MmsImage,
    Sms,
    ViberImage,
    ViberTemplate,
    ViberText,
    WhatsappFile,
    WhatsappText,
    WhatsappVideo,
    from_payload,
    to_payload,
)
from vonage_messages.wire import v0_1

from .wire_samples import REQUESTS, paths_of, read, refused_paths


@pytest.mark.each("cls", sorted(v0_1.NOT_IN_V0_1, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
def test_class_that_is_not_in_v0_1_is_refused_with_a_sentence(cls: type[Message]) -> None:
    message = next(
        message for version, path in REQUESTS if version == "v1" and type(message := from_payload(read(path))) is cls
    )
    with pytest.raises(InvalidMessageError, match=f"{cls.__name__} does not exist in v0.1: send it over v1"):
        to_payload(message, "v0.1")


def test_class_that_is_not_in_v1_is_refused_with_a_sentence() -> None:
    message = ViberTemplate(to="447700900000", from_="654321", template={"name": "verify"})
    with pytest.raises(
        InvalidMessageError, match=r'ViberTemplate exists in v0\.1 only: send it with api_version="v0\.1"'
    ):
        to_payload(message)


def sms(**further: Any) -> Sms:
    return Sms(**{"to": "447700900000", "from_": "Acme", "text": "Hello", **further})


@pytest.mark.each(
    ("message", "path"),
    [
        (sms(ttl=60), "ttl"),
        (sms(webhook_url="https://example.com/status"), "webhook_url"),
        (sms(webhook_version="v0.1"), "webhook_version"),
        (sms(trusted_recipient=True), "trusted_recipient"),
        (sms(trusted_sender=False), "trusted_sender"),
        (sms(sms={"encoding_type": "text"}), "sms"),
        (sms(failover=[sms()]), "failover"),
        (
            WhatsappText(to="447700900000", from_="447700900001", text="Hi", context={"message_uuid": "aaaa"}),
            "context",
        ),
        (
            MmsImage(to="14155550101", from_="14155550100", image={"url": "https://example.com/a.jpg", "caption": "A"}),
            "image.caption",
        ),
        (
            WhatsappVideo(
                to="447700900000", from_="447700900001", video={"url": "https://example.com/a.mp4", "caption": "A"}
            ),
            "video.caption",
        ),
        (
            WhatsappFile(
                to="447700900000", from_="447700900001", file={"url": "https://example.com/a.pdf", "name": "A"}
            ),
            "file.name",
        ),
        (
            ViberText(
                to="447700900000",
                from_="654321",
                text="Hi",
                viber_service={"action": {"url": "https://example.com", "text": "Go"}},
            ),
            "viber_service.action",
        ),
        (
            ViberText(to="447700900000", from_="654321", text="Hi", viber_service={"type": "string"}),
            "viber_service.type",
        ),
        (
            ViberImage(to="447700900000", from_="654321", image={"url": "https://example.com/a.jpg", "caption": "A"}),
            "image.caption",
        ),
        (WhatsappText(to="US.13491208655302741918", from_="447700900001", text="Hi"), "to"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_v0_1_has_no_place_for_is_refused_there_and_accepted_by_v1(message: Message, path: str) -> None:
    assert refused_paths(message) == [path]
    assert to_payload(message)["to"] == message.to


def test_everything_that_v0_1_has_no_place_for_is_named_at_once() -> None:
    message = sms(ttl=60, webhook_version="v1", client_ref="x" * 41, text="x" * 1001)
    assert set(refused_paths(message)) == {"ttl", "webhook_version", "client_ref", "text"}


@pytest.mark.parametrize(("length", "accepted"), [(40, True), (41, False)])
def test_client_ref_of_v0_1_has_at_most_40_characters(length: int, accepted: bool) -> None:
    message = sms(client_ref="x" * length)
    if accepted:
        assert to_payload(message, "v0.1")["client_ref"] == "x" * length
    else:
        assert refused_paths(message) == ["client_ref"]


@pytest.mark.parametrize(("length", "accepted"), [(1000, True), (1001, False)])
def test_sms_of_v0_1_has_at_most_1000_characters(length: int, accepted: bool) -> None:
    message = sms(text="x" * length)
    if accepted:
        assert to_payload(message, "v0.1")["message"]["content"]["text"] == "x" * length
    else:
        assert refused_paths(message) == ["text"]


@pytest.mark.parametrize(("length", "accepted"), [(50, True), (51, False)])
def test_sender_of_v0_1_has_at_most_50_characters(length: int, accepted: bool) -> None:
    message = sms(from_="A" * length)
    if accepted:
        assert to_payload(message, "v0.1")["from"] == {"type": "sms", "number": "A" * length}
    else:
        assert refused_paths(message) == ["from"]


V0_1_FILES = [
    (MmsImage(to="14155550101", from_="14155550100", image="https://example.com/a.gif"), True),
    (MmsImage(to="14155550101", from_="14155550100", image="https://example.com/a.bmp"), False),
    (MmsImage(to="14155550101", from_="14155550100", image="https://example.com/a"), True),
    (WhatsappFile(to="447700900000", from_="447700900001", file="https://example.com/a.XLSX"), True),
    (WhatsappFile(to="447700900000", from_="447700900001", file="https://example.com/a.zip"), False),
    (vonage_messages.MessengerFile(to="7064", from_="1035", file="https://example.com/a.zip"), True),
    (vonage_messages.MessengerFile(to="7064", from_="1035", file="https://example.com/a.doc"), False),
]


@pytest.mark.parametrize(
    ("message", "accepted"), V0_1_FILES, ids=lambda value: value if isinstance(value, bool) else ""
)
def test_file_types_of_v0_1_are_its_own(message: Message, accepted: bool) -> None:
    body = message.message_type
    if accepted:
        assert to_payload(message, "v0.1")["message"]["content"][body] == to_payload(message)[body]
    else:
        assert refused_paths(message) == [f"{body}.url"]


@pytest.mark.parametrize(
    ("message", "to", "from_"),
    [
        (sms(), {"type": "sms", "number": "447700900000"}, {"type": "sms", "number": "Acme"}),
        (
            ViberText(to="447700900000", from_="654321", text="Hi"),
            {"type": "viber_service_msg", "number": "447700900000"},
            {"type": "viber_service_msg", "id": "654321"},
        ),
        (
            MessengerImage(to="7064", from_="1035", image="https://example.com/a.jpg"),
            {"type": "messenger", "id": "7064"},
            {"type": "messenger", "id": "1035"},
        ),
    ],
    ids=["sms", "viber", "messenger"],
)
def test_parties_of_v0_1_are_numbers_or_ids_by_channel(message: Message, to: Any, from_: Any) -> None:
    payload = to_payload(message, "v0.1")
    assert (payload["to"], payload["from"]) == (to, from_)


@pytest.mark.each(
    ("changes", "paths"),
    [
        ({"to": "447700900000"}, ["to"]),
        ({"from": None}, ["from"]),
        ({"message": []}, ["message"]),
        ({"message": {"content": "Hello"}}, ["message.content"]),
        ({"message": {"content": {"type": "fax"}}}, ["message.content.type"]),
        ({"message": {"content": {"type": ["text"], "text": "Hello"}}}, ["message.content.type"]),
        ({"message": {"content": {"type": "text", "text": "Hello", "image": {}}}}, ["message.content.image"]),
        ({"colour": "blue"}, ["colour"]),
        ({"to": {"type": "sms", "number": "447700900000", "id": "x"}}, ["to.id"]),
        ({"to": {"type": "fax", "number": "447700900000"}}, ["from.type", "to.type"]),
        ({"to": {"type": "sms", "number": "07700900000"}}, ["to.number"]),
        ({"from": {"type": "sms", "number": ""}}, ["from.number"]),
        ({"client_ref": 5}, ["client_ref"]),
    ],
    ids=str,
)
def test_faults_of_a_v0_1_payload_are_named_where_v0_1_has_them(changes: dict[str, Any], paths: list[str]) -> None:
    payload = {**to_payload(sms(), "v0.1"), **changes}
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(payload, "v0.1")
    assert paths_of(caught.value) == paths


def test_fault_of_an_option_is_named_where_v0_1_has_it() -> None:
    payload = to_payload(ViberText(to="447700900000", from_="654321", text="Hello"), "v0.1")
    payload["message"]["viber_service_msg"] = {"category": "spam"}
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(payload, "v0.1")
    assert paths_of(caught.value) == ["message.viber_service_msg.category"]
