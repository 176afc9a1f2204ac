"""Both versions of the wire format: the tables are complete, nothing is lost on the way there and back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from vonage_messages import (
    BaseMessage,
    ConfigurationError,
    EmailText,
    InvalidMessageError,
    Message,
    RawMessage,
    Sms,
    WhatsappCustom,
    WhatsappImage,
    from_payload,
    to_json,
    to_payload,
)
from vonage_messages.wire import v0_1, v1
from vonage_messages.wire.payloads import ApiVersion

from .wire_samples import (
    CLASS_NAMES,
    CLASSES,
    REFUSED,
    REFUSED_NAMES,
    REQUEST_NAMES,
    REQUESTS,
    SAMPLES,
    VERSIONS,
    nodes,
    paths_of,
    read,
    texts_in,
)


def subclasses(cls: type) -> Iterator[type]:
    for each in cls.__subclasses__():
        if each.__module__.startswith("vonage_messages."):
            yield each
            yield from subclasses(each)


# The tables ----------------------------------------------------------------------------------------------------------


def test_union_holds_every_message_class() -> None:
    assert {cls for cls in subclasses(BaseMessage) if not cls.__name__.startswith("_")} == set(CLASSES)


@pytest.mark.each("cls", CLASSES, ids=CLASS_NAMES)
def test_class_has_a_row_in_v1_or_is_explicitly_absent(cls: type[BaseMessage]) -> None:
    assert (cls in v1.SHAPES) != (cls in v1.NOT_IN_V1)


@pytest.mark.each("cls", CLASSES, ids=CLASS_NAMES)
def test_class_has_a_row_in_v0_1_or_is_explicitly_absent(cls: type[BaseMessage]) -> None:
    assert (cls in v0_1.SHAPES) != (cls in v0_1.NOT_IN_V0_1)


def test_tables_speak_of_message_classes_only() -> None:
    assert {*v1.SHAPES, *v1.NOT_IN_V1} == set(CLASSES)
    assert {*v0_1.SHAPES, *v0_1.NOT_IN_V0_1} == set(CLASSES)


@pytest.mark.each("cls", v1.SHAPES, ids=lambda cls: cls.__name__)
def test_row_of_v1_covers_every_attribute_of_its_class(cls: type[Message]) -> None:
    shape = v1.SHAPES[cls]
    placed = {name for name, _ in shape.fields} | {"channel", "message_type", "failover"}
    assert placed == {field.name for field in attrs.fields(cls)}


@pytest.mark.each("cls", v1.SHAPES, ids=lambda cls: cls.__name__)
def test_row_of_v1_names_the_channel_and_type_that_its_class_fixes(cls: type[Message]) -> None:
    shape, fields = v1.SHAPES[cls], attrs.fields_dict(cls)
    assert (shape.channel, shape.message_type) == (fields["channel"].default, fields["message_type"].default)


def test_rows_of_v1_are_the_messages_of_the_reference() -> None:
    facts = read(SAMPLES / "facts" / "v1-fields.json")
    # messenger.custom is documented in the guide of custom objects only (section 8).
    assert {f"{shape.channel}.{shape.message_type}" for shape in v1.SHAPES.values()} == {
        *facts["messages"],
        "messenger.custom",
    }


V0_1_ROWS = {
    *("sms.text", "mms.image", "viber_service_msg.text", "viber_service_msg.image", "viber_service_msg.template"),
    *(f"whatsapp.{kind}" for kind in ("text", "image", "video", "audio", "file", "template", "custom")),
    *(f"messenger.{kind}" for kind in ("text", "image", "video", "audio", "file", "custom")),
}
"""Messages API v0.1, section 3."""


def test_rows_of_v0_1_are_the_contents_of_the_reference() -> None:
    assert {f"{shape.channel}.{shape.content_type}" for shape in v0_1.SHAPES.values()} == V0_1_ROWS


def test_samples_reach_every_row_of_both_tables() -> None:
    reached = {
        version: {type(from_payload(read(path), each)) for each, path in REQUESTS if each == version}
        for version in VERSIONS
    }
    assert reached == {"v1": set(v1.SHAPES), "v0.1": set(v0_1.SHAPES)}


# There and back ------------------------------------------------------------------------------------------------------


@pytest.mark.each(("version", "path"), REQUESTS, ids=REQUEST_NAMES)
def test_sample_goes_through_its_typed_value_without_loss(version: ApiVersion, path: Path) -> None:
    payload = read(path)
    message = from_payload(payload, version)
    assert to_payload(message, version) == payload
    assert from_payload(to_payload(message, version), version) == message


@pytest.mark.each(("version", "path"), REQUESTS, ids=REQUEST_NAMES)
def test_bytes_of_a_sample_are_compact_utf8_of_its_payload(version: ApiVersion, path: Path) -> None:
    payload = read(path)
    written = to_json(from_payload(payload, version), version)
    assert json.loads(written) == payload
    assert len(written) == len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.each(("version", "name", "path"), REFUSED, ids=REFUSED_NAMES)
def test_refused_sample_names_the_path_of_its_reason(version: ApiVersion, name: str, path: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(read(SAMPLES / version / "refused" / name), version)
    assert path in paths_of(caught.value)


@pytest.mark.each(("version", "name", "path"), REFUSED, ids=REFUSED_NAMES)
def test_refused_sample_is_refused_for_its_reason_alone(version: ApiVersion, name: str, path: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(read(SAMPLES / version / "refused" / name), version)
    # A number where an id belongs is two faults: one key too many, one missing.
    beside = {"to.number"} if name == "messenger-to-is-a-number.json" else set()
    assert set(paths_of(caught.value)) == {path} | beside


@pytest.mark.each(("version", "name", "path"), REFUSED, ids=REFUSED_NAMES)
def test_refused_sample_is_an_equal_raw_message_when_read_leniently(version: ApiVersion, name: str, path: str) -> None:
    del path
    payload = read(SAMPLES / version / "refused" / name)
    assert from_payload(payload, version, lenient=True) == RawMessage(payload)
    assert to_payload(from_payload(payload, version, lenient=True), version) == payload


@pytest.mark.each(("version", "name", "path"), REFUSED, ids=REFUSED_NAMES)
def test_sentence_about_a_refused_sample_holds_none_of_its_texts(version: ApiVersion, name: str, path: str) -> None:
    del path
    payload = read(SAMPLES / version / "refused" / name)
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(payload, version)
    sentence = str(caught.value).replace("447700900000", "")  # the number that sentences give as an example
    private = [
        text for key, text in texts_in(payload) if key in {"text", "caption", "to", "from", "number", "id", "name"}
    ]
    assert [text for text in private if len(text) > 3 and text in sentence] == []


def test_typed_sample_stays_typed_when_read_leniently() -> None:
    payload = read(SAMPLES / "v1" / "requests" / "sms-text-full.json")
    assert from_payload(payload, lenient=True) == from_payload(payload)


@pytest.mark.each("payload", [None, [], "text", 5, b"{}"], ids=repr)
@pytest.mark.each("lenient", [False, True], ids=["strict", "lenient"])
def test_what_is_no_json_object_is_refused(payload: Any, lenient: bool) -> None:
    with pytest.raises(InvalidMessageError, match="must be a JSON object") as caught:
        from_payload(payload, lenient=lenient)
    assert paths_of(caught.value) == [""]


def test_empty_object_is_refused_even_leniently() -> None:
    with pytest.raises(InvalidMessageError, match="must not be empty"):
        from_payload({}, lenient=True)


@pytest.mark.parametrize("version", ["v2", "1", "", "V1", "v0.1 ", None, 1], ids=repr)
def test_unknown_api_version_is_a_configuration_error(version: Any) -> None:
    message = Sms(to="447700900000", from_="Acme", text="Hello")
    for call in (
        lambda: to_payload(message, version),
        lambda: to_json(message, version),
        lambda: from_payload({}, version),
    ):
        with pytest.raises(ConfigurationError, match=r'api_version must be "v1" or "v0\.1"'):
            call()


def test_json_writes_characters_as_themselves() -> None:
    written = to_json(Sms(to="447700900000", from_="Acme", text="Grüße 👍"))
    assert "Grüße 👍".encode() in written


def test_keys_that_only_python_knows_are_no_keys_of_json() -> None:
    payload = to_payload(Sms(to="447700900000", from_="Acme", text="Hello"))
    payload["from_"] = payload.pop("from")
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(payload)
    assert sorted(paths_of(caught.value)) == ["from", "from_"]


def test_all_problems_of_a_payload_are_named_at_once() -> None:
    payload = {
        "channel": "rcs",
        "message_type": "card",
        "to": "Ada",
        "from": "Ac me",
        "card": {"title": "x" * 201, "media_url": "lamp", "suggestions": [{"type": "reply", "text": "Yes"}]},
        "rcs": {"card_orientation": "HORIZONTAL"},
        "failover": [{"channel": "sms", "message_type": "text", "to": "1", "from": "Acme", "text": ""}],
        "colour": "blue",
    }
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(payload)
    assert set(paths_of(caught.value)) == {
        *("to", "from", "colour", "rcs.image_alignment", "failover[0].to", "failover[0].text"),
        *("card.title", "card.text", "card.media_url", "card.suggestions[0].postback_data"),
    }


# What is given out belongs to the caller -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_changing_a_payload_changes_no_message(version: ApiVersion) -> None:
    message = WhatsappCustom(to="447700900000", from_="447700900001", custom={"type": "note", "rows": [{"id": "a"}]})
    payload = to_payload(message, version)
    before = copy.deepcopy(payload)
    for _, node in list(nodes(payload)):
        node.clear()
    assert to_payload(message, version) == before


def test_changing_the_payload_of_a_raw_message_changes_no_message() -> None:
    message = RawMessage({"channel": "fax", "pages": [{"text": "Hello"}]})
    to_payload(message)["pages"][0]["text"] = "changed"
    assert message.payload["pages"][0]["text"] == "Hello"


def test_changing_a_raw_failover_item_of_a_payload_changes_no_message() -> None:
    spare = RawMessage({"channel": "fax", "pages": ["Hello"]})
    message = Sms(to="447700900000", from_="Acme", text="Hello", failover=[spare])
    to_payload(message)["failover"][0]["pages"].append("changed")
    assert spare.payload["pages"] == ["Hello"]


# Properties ----------------------------------------------------------------------------------------------------------


def test_emails_and_pictures_of_the_samples_are_the_classes_that_they_say() -> None:
    assert type(from_payload(read(SAMPLES / "v1/requests/email-text-full.json"))) is EmailText
    assert type(from_payload(read(SAMPLES / "v0.1/requests/whatsapp-image-full.json"), "v0.1")) is WhatsappImage
