"""Both versions of the wire format: the tables are complete, nothing is lost on the way there and back."""

from __future__ import annotations

import copy
import importlib.util
import json
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vonage_messages
from vonage_messages import (
    AnyMessage,
    BaseMessage,
    ConfigurationError,
    EmailText,
    InvalidMessageError,
    Message,
    MessengerCustom,
    MessengerImage,
    MmsImage,
    MmsText,
    RawMessage,
    Sms,
    ViberImage,
    ViberTemplate,
    ViberText,
    WhatsappCustom,
    WhatsappFile,
    WhatsappImage,
    WhatsappLocation,
    WhatsappTemplate,
    WhatsappTemplateResource,
    WhatsappText,
    WhatsappVideo,
    from_payload,
    to_json,
    to_payload,
)
from vonage_messages.wire import payloads as payloads_module
from vonage_messages.wire import v0_1, v1
from vonage_messages.wire.payloads import ApiVersion

SAMPLES = Path(__file__).parents[1] / "samples"
VERSIONS: tuple[ApiVersion, ...] = ("v1", "v0.1")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def requests(version: str) -> list[tuple[ApiVersion, Path]]:
    return [
        (typing.cast("ApiVersion", version), path) for path in sorted((SAMPLES / version / "requests").glob("*.json"))
    ]


def refused(version: str) -> list[tuple[str, str, str]]:
    reasons = read(SAMPLES / version / "refused" / "REASONS.json")
    return [(version, name, path) for name, path in reasons.items()]


REQUESTS = [*requests("v1"), *requests("v0.1")]
REQUEST_NAMES = [f"{version}-{path.stem}" for version, path in REQUESTS]
REFUSED = [*refused("v1"), *refused("v0.1")]
REFUSED_NAMES = [f"{version}-{name.removesuffix('.json')}" for version, name, _ in REFUSED]

CLASSES: list[type[BaseMessage]] = [cls for cls in typing.get_args(AnyMessage) if cls is not RawMessage]
CLASS_NAMES = [cls.__name__ for cls in CLASSES]


def paths_of(error: InvalidMessageError) -> list[str]:
    return [problem.path for problem in error.problems]


def refused_paths(message: Message, version: ApiVersion = "v0.1") -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        to_payload(message, version)
    return paths_of(caught.value)


# The tables -----------------------------------------------------------------------------------------------------


def subclasses(cls: type) -> Iterator[type]:
    for each in cls.__subclasses__():
        if each.__module__.startswith("vonage_messages."):
            yield each
            yield from subclasses(each)


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


# There and back -------------------------------------------------------------------------------------------------


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


def texts_in(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from texts_in(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each, key)
    elif isinstance(value, str):
        yield key, value


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


# What is given out belongs to the caller ------------------------------------------------------------------------


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


# Templates, parts and raw messages ------------------------------------------------------------------------------


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


# Failover -------------------------------------------------------------------------------------------------------


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


# What v0.1 cannot say -------------------------------------------------------------------------------------------


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


# Properties -----------------------------------------------------------------------------------------------------

FEW = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))

BY_CLASS: dict[tuple[ApiVersion, type[Message]], list[Any]] = {}
for _version, _path in REQUESTS:
    _payload = read(_path)
    BY_CLASS.setdefault((_version, type(from_payload(_payload, _version))), []).append(_payload)

words = st.text(min_size=1, max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
DRAWN = {
    **dict.fromkeys(
        ("text", "caption", "client_ref", "title", "description", "postback_data", "pin_label", "subject"), words
    ),
    **dict.fromkeys(("tag", "entity_id", "content_id", "pool_id", "media_description", "body", "payload"), words),
    **dict.fromkeys(("trusted_recipient", "trusted_sender", "media_force_refresh"), st.booleans()),
    "message_uuid": words,
    "parameters": st.lists(words, min_size=1, max_size=3),
    "participants": st.lists(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True), min_size=1, max_size=3),
    "ttl": st.integers(300, 259200),
    "duration": st.integers(1, 600).map(str),
    "custom": st.dictionaries(words, json_values, min_size=1, max_size=3),
    "webhook_version": st.sampled_from(["v0.1", "v1"]),
}
LEFT_OUT = ("client_ref", "webhook_url", "webhook_version", "ttl", "trusted_recipient", "trusted_sender", "failover")


@st.composite
def payloads(draw: st.DrawFn, version: ApiVersion, cls: type[Message]) -> dict[str, Any]:
    """A payload of one class: a sample with other texts, other numbers, and some of its options left out."""
    payload: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(BY_CLASS[version, cls])))
    for key in LEFT_OUT:
        if key in payload and draw(st.booleans()):
            del payload[key]
    _redraw(draw, payload)
    return payload


def _redraw(draw: st.DrawFn, value: Any) -> None:
    for key, each in list(value.items()):
        if key in DRAWN and not (isinstance(each, dict) and key != "custom"):
            value[key] = draw(DRAWN[key])
        elif isinstance(each, dict):
            _redraw(draw, each)
        elif isinstance(each, list):
            for item in each:
                if isinstance(item, dict):
                    _redraw(draw, item)


@pytest.mark.parametrize(
    ("version", "cls"), BY_CLASS, ids=lambda value: value if isinstance(value, str) else value.__name__
)
@FEW
@given(data=st.data())
def test_structure_after_unstructure_is_identity(version: ApiVersion, cls: type[Message], data: st.DataObject) -> None:
    payload = data.draw(payloads(version, cls))
    message = from_payload(payload, version)
    assert type(message) is cls
    assert to_payload(message, version) == payload
    assert from_payload(json.loads(to_json(message, version)), version) == message


KEYS = sorted(
    {key for _, path in REQUESTS for key, _ in texts_in(read(path))} | {"failover", "content", "extra", "type_"}
)
any_text = st.text(
    st.characters(exclude_categories=()), max_size=12
)  # halves of surrogate pairs too: JSON can spell them
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | any_text
    | st.sampled_from(["sms", "text", "template", "v1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | any_text, inner, max_size=5),
    max_leaves=15,
)


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """List every (key or index, container) below a value, the deepest last."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(children):
        yield key, value
        yield from nodes(each)


def read_or_refuse(payload: Any, version: ApiVersion) -> None:
    """Nothing but the one error may come out; what is accepted can be written, and what is kept is kept whole."""
    try:
        message = from_payload(payload, version)
    except InvalidMessageError as error:
        assert error.problems  # noqa: PT017  a refusal without a reason helps nobody
    else:
        to_json(message, version)
    try:
        kept = from_payload(payload, version, lenient=True)
    except InvalidMessageError:
        return
    to_json(kept, version)


@MANY
@given(payload=any_json, version=st.sampled_from(VERSIONS))
def test_arbitrary_json_is_read_or_refused(payload: Any, version: ApiVersion) -> None:
    read_or_refuse(payload, version)


@MANY
@given(data=st.data())
def test_sample_with_arbitrary_json_at_any_place_is_read_or_refused(data: st.DataObject) -> None:
    version, path = data.draw(st.sampled_from(REQUESTS))
    payload = read(path)
    key, container = data.draw(st.sampled_from(list(nodes(payload))))
    container[key] = data.draw(any_json)
    read_or_refuse(payload, version)


def test_custom_object_nested_too_deep_is_refused_by_its_path() -> None:
    value: Any = 1
    for _ in range(3000):
        value = {"a": value}
    payload = {"channel": "messenger", "message_type": "custom", "to": "7064", "from": "1035", "custom": value}
    with pytest.raises(InvalidMessageError, match="must not nest deeper"):
        from_payload(payload)
    with pytest.raises(InvalidMessageError, match="must not nest deeper"):
        MessengerCustom(to="7064", from_="1035", custom=value)


def test_emails_and_pictures_of_the_samples_are_the_classes_that_they_say() -> None:
    assert type(from_payload(read(SAMPLES / "v1/requests/email-text-full.json"))) is EmailText
    assert type(from_payload(read(SAMPLES / "v0.1/requests/whatsapp-image-full.json"), "v0.1")) is WhatsappImage


def _encoders() -> list[Callable[[dict[str, Any]], bytes]]:
    encoders = [payloads_module._encode_with_json]
    if importlib.util.find_spec("orjson"):
        encoders.append(payloads_module.asking_first(importlib.import_module("orjson").dumps))
    return encoders


def _by_the_standard_library(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("encode", _encoders())
@given(
    payload=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(codec="utf-8")),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
            ),
        ),
        max_size=4,
    )
)
def test_every_encoder_writes_the_same_bytes(encode: Callable[[Any], bytes], payload: dict[str, Any]) -> None:
    assert encode(payload) == _by_the_standard_library(payload)


@pytest.mark.each("encode", _encoders())
@pytest.mark.each("number", [1e16, 1e22, -1e-5, 1.5e-7, 1e-05, 123456789012345680.0, 1e300, 2**80, 0.0001, 1e15])
def test_numbers_are_spelled_by_one_rule(encode: Callable[[Any], bytes], number: float) -> None:
    for payload in ({"a": number}, {"a": [number, 1]}, {"a": number, "b": "x"}):
        assert encode(payload) == _by_the_standard_library(payload)


@pytest.mark.parametrize("encode", _encoders())
@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")], "\ud800", b"bytes", object()])
def test_what_is_no_json_is_refused_by_every_encoder(encode: Callable[[Any], bytes], value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode({"a": value})


def test_encoder_that_may_spell_a_number_otherwise_is_not_the_last_word() -> None:
    assert payloads_module.asking_first(lambda _payload: b'{"a":1e16}')({"a": 1e16}) == b'{"a":1e+16}'
    assert payloads_module.asking_first(lambda _payload: b'{"a": 1.5}')({"a": 1.5}) == b'{"a": 1.5}'


def test_encoder_that_refuses_is_not_the_last_word() -> None:
    def refuse(_payload: Any) -> bytes:
        raise TypeError("no")

    assert payloads_module.asking_first(refuse)({"a": 2**80}) == b'{"a":1208925819614629174706176}'


def test_what_is_written_already_is_not_written_again() -> None:
    class Written(payloads_module.WrittenMessage):
        def __init__(self, body: bytes | None) -> None:
            object.__setattr__(self, "payload", {"channel": "sms", "text": "Hi"})
            object.__setattr__(self, "body", body)

    assert to_json(Written(b'{"these": "very bytes"}')) == b'{"these": "very bytes"}'
    assert to_json(Written(None)) == b'{"channel":"sms","text":"Hi"}'
