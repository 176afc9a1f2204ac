"""What stands inside a message: templates, parts, raw messages, and the messages of a failover."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import vonage_messages
from vonage_messages import (
    BaseMessage,
    InvalidMessageError,
    Message,
    MessengerCustom,
    MmsText,
    RawMessage,
    Sms,
    ViberTemplate,
    WhatsappCustom,
    WhatsappLocation,
    WhatsappTemplate,
    WhatsappTemplateResource,
    from_payload,
    to_payload,
)
from vonage_messages.wire.payloads import ApiVersion

from .wire_samples import VERSIONS, paths_of, refused_paths

# Templates, parts and raw messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "further", [{"namespace": "shop"}, {"extra": {"a": 1}}, {"extra": "word", "b": [1]}, {"extra": None}]
)
def test_further_keys_of_a_template_come_back_as_they_are(further: dict[str, Any]) -> None:
    payload = {
        "channel": "whatsapp",
        "message_type": "template",
        "to": "447700900000",
        "from": "447700900001",
        "template": {"name": "verify", **further},
        "whatsapp": {"locale": "en_GB"},
    }
    assert to_payload(from_payload(payload)) == payload


def test_further_template_keys_go_out_as_the_official_sdk_writes_them() -> None:
    template = WhatsappTemplateResource(name="verify", namespace="shop", extra={"a": 1}, left_out=None)
    assert to_payload(template) == {"name": "verify", "namespace": "shop", "extra": {"a": 1}}
    assert to_payload(attrs.evolve(template, name="other")) == {"name": "other", "namespace": "shop", "extra": {"a": 1}}


@pytest.mark.parametrize(
    ("settings_", "path"),
    [(None, "whatsapp"), ({}, "whatsapp.locale"), ({"policy": "deterministic"}, "whatsapp.locale")],
)
def test_template_payload_must_name_its_locale(settings_: Any, path: str) -> None:
    # Section 7 requires it in JSON; only the class has a default.
    payload = {
        "channel": "whatsapp",
        "message_type": "template",
        "to": "447700900000",
        "from": "447700900001",
        "template": {"name": "verify"},
        **({} if settings_ is None else {"whatsapp": settings_}),
    }
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(payload)
    assert paths_of(caught.value) == [path]


def test_template_says_its_default_locale_on_both_versions() -> None:
    message = WhatsappTemplate(to="447700900000", from_="447700900001", template={"name": "verify"})
    assert to_payload(message)["whatsapp"] == {"locale": "en_US"}
    assert to_payload(message, "v0.1")["message"]["whatsapp"] == {"locale": "en_US"}


def test_part_of_a_message_is_shown_as_it_stands_inside_one() -> None:
    assert to_payload(vonage_messages.WhatsappContext(message_uuid="aaaa")) == {"message_uuid": "aaaa"}
    item = vonage_messages.MmsContentItemImage(url="https://example.com/cat.jpg")
    assert to_payload(item) == {"url": "https://example.com/cat.jpg", "type": "image"}


def test_builder_of_a_custom_object_is_shown_as_it_stands_inside_a_message() -> None:
    place = WhatsappLocation(longitude=-0.12, latitude=51.5)
    message = WhatsappCustom(to="447700900000", from_="447700900001", custom=place)
    assert (
        to_payload(place)
        == to_payload(message)["custom"]
        == {
            "type": "location",
            "location": {"longitude": -0.12, "latitude": 51.5},
        }
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_raw_message_is_sent_as_it_is_on_both_versions(version: ApiVersion) -> None:
    payload = {"channel": "fax", "pages": [1, None, {"a": 1.5}]}
    assert to_payload(RawMessage(payload), version) == payload


def test_derived_class_is_written_as_the_class_that_it_derives_from() -> None:
    class Greeting(Sms):
        pass

    greeting = Greeting(to="447700900000", from_="Acme", text="Hello")
    for version in VERSIONS:
        assert to_payload(greeting, version) == to_payload(Sms(to="447700900000", from_="Acme", text="Hello"), version)


def test_message_class_from_elsewhere_is_refused_by_both_versions() -> None:
    @attrs.frozen(kw_only=True)
    class Fax(BaseMessage):
        pass

    for version in VERSIONS:
        assert refused_paths(Fax(to="447700900000"), version) == [""]


# Failover ------------------------------------------------------------------------------------------------------------


def test_failover_items_are_whole_messages_in_their_order() -> None:
    spares = [
        MmsText(to="14155550101", from_="14155550100", text="Hi"),
        Sms(to="447700900000", from_="Acme", text="Hi"),
    ]
    message = Sms(to="447700900000", from_="Acme", text="Hello", failover=spares)
    assert to_payload(message)["failover"] == [to_payload(spare) for spare in spares]


def test_failover_item_that_v1_does_not_have_is_refused_at_its_place() -> None:
    spare = ViberTemplate(to="447700900000", from_="654321", template={"name": "verify"})
    ok = Sms(to="447700900000", from_="Acme", text="Hello")
    assert refused_paths(attrs.evolve(ok, failover=[ok, spare]), "v1") == ["failover[1]"]


def test_failover_item_of_a_class_from_elsewhere_is_refused_at_its_place() -> None:
    @attrs.frozen(kw_only=True)
    class Fax(Message):
        channel = message_type = "fax"
        to = from_ = "447700900000"
        client_ref = failover = None

    ok = Sms(to="447700900000", from_="Acme", text="Hello")
    assert refused_paths(attrs.evolve(ok, failover=[ok, Fax()]), "v1") == ["failover[1]"]


def test_failover_nested_without_end_is_refused_without_being_read() -> None:
    item: dict[str, Any] = {
        "channel": "sms",
        "message_type": "text",
        "to": "447700900000",
        "from": "Acme",
        "text": "Hi",
    }
    payload = dict(item)
    for _ in range(5000):
        payload = {**item, "failover": [payload]}
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(payload)
    assert paths_of(caught.value) == ["failover[0].failover"]


# Properties ----------------------------------------------------------------------------------------------------------


def test_custom_object_nested_too_deep_is_refused_by_its_path() -> None:
    value: Any = 1
    for _ in range(3000):
        value = {"a": value}
    payload = {"channel": "messenger", "message_type": "custom", "to": "7064", "from": "1035", "custom": value}
    with pytest.raises(InvalidMessageError, match="must not nest deeper"):
        from_payload(payload)
    with pytest.raises(InvalidMessageError, match="must not nest deeper"):
        MessengerCustom(to="7064", from_="1035", custom=value)
