"""What every value has in common: refusal with all problems, nested JSON, freezing, equality, copying, failover."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import vonage_messages
from vonage_messages import (
    BaseMessage,
    InvalidMessageError,
    Message,
    MessengerCustom,
    MmsContent,
    MmsImage,
    MmsResource,
    RawMessage,
    RcsCard,
    RcsCardMessage,
    RcsCustom,
    RcsOptionsCard,
    RcsSuggestionReply,
    RcsText,
    Sms,
    SmsOptions,
    ViberText,
    ViberVideo,
    WhatsappContext,
    WhatsappCustom,
    WhatsappSticker,
    WhatsappTemplate,
    WhatsappTemplateResource,
    WhatsappText,
    from_payload,
)
from vonage_messages.channels.base import Value
from vonage_messages.channels.custom import CustomObject
from vonage_messages.errors import Problem

SAMPLES = Path(__file__).parents[1] / "samples"


def sms(**changes: Any) -> Sms:
    return Sms(**{"to": "447700900000", "from_": "Acme", "text": "Hello", **changes})


def problems_of(cls: Any, **arguments: Any) -> list[Problem]:
    with pytest.raises(InvalidMessageError) as caught:
        cls(**arguments)
    return list(caught.value.problems)


def paths_of(cls: Any, **arguments: Any) -> list[str]:
    return [problem.path for problem in problems_of(cls, **arguments)]


# One value of every class ---------------------------------------------------------------------------------------


def parts(value: object) -> Iterator[Value]:
    """Give a value and every value inside it."""
    if isinstance(value, tuple):
        for each in value:
            yield from parts(each)
    elif isinstance(value, Value):
        yield value
        for field in attrs.fields(type(value)):
            yield from parts(getattr(value, field.name))


def documented(cls: type) -> list[Any]:
    """Evaluate the examples that the docstring of a class gives, as one would after importing every public name."""
    found = re.findall(r"``(" + cls.__name__ + r"\(.+?\))``", cls.__doc__ or "", re.DOTALL)
    names = {name: getattr(vonage_messages, name) for name in vonage_messages.__all__}
    return [eval(" ".join(each.split()), names) for each in found]  # noqa: S307  the text is this repository's own


PUBLIC = [
    cls
    for name in vonage_messages.__all__
    if isinstance(cls := getattr(vonage_messages, name), type) and issubclass(cls, Value) and name != "Message"
]
PUBLIC_NAMES = [cls.__name__ for cls in PUBLIC]


def one_of_each() -> dict[type, Value]:
    found: dict[type, Value] = {}
    for version in ("v1", "v0.1"):
        for path in sorted((SAMPLES / version / "requests").glob("*.json")):
            payload = json.loads(path.read_text(encoding="utf-8"))
            for value in parts(from_payload(payload, version)):
                found[type(value)] = value
    for cls in PUBLIC:
        for value in documented(cls):
            for part in parts(value):
                found.setdefault(type(part), part)
    for value in (
        *parts(BaseMessage(to="447700900000", client_ref="ref-1")),
        *parts(vonage_messages.WhatsappInteractiveButtons(body="Well?", buttons=["Yes"], header="Question")),
        *parts(
            vonage_messages.WhatsappContact(
                name="Ada",
                addresses=[{"city": "London", "type": "HOME"}],
                emails=[{"email": "ada@example.com"}],
                org={"company": "Acme"},
                urls=[{"url": "https://example.com"}],
            )
        ),
    ):
        found.setdefault(type(value), value)
    return found


BASES = {"CustomObject", "RcsSuggestionBase", "WhatsappCustomObject", "MessengerTemplate"}
EACH = one_of_each()
VALUES = list(EACH.values())
VALUE_NAMES = [type(value).__name__ for value in VALUES]


def test_every_public_class_is_among_the_values_tried_here() -> None:
    assert {name for name in PUBLIC_NAMES if getattr(vonage_messages, name) not in EACH} <= BASES


@pytest.mark.each("value", VALUES, ids=VALUE_NAMES)
def test_value_survives_pickling(value: Value) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301  written by the line itself
        assert again == value
        assert type(again) is type(value)


@pytest.mark.each("value", VALUES, ids=VALUE_NAMES)
def test_value_survives_copying_and_evolving(value: Value) -> None:
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    assert attrs.evolve(value) == value


@pytest.mark.each("value", VALUES, ids=VALUE_NAMES)
def test_value_is_hashable_and_equal_values_hash_alike(value: Value) -> None:
    assert hash(copy.deepcopy(value)) == hash(value)
    assert {value, copy.deepcopy(value)} == {value}


@pytest.mark.each("value", VALUES, ids=VALUE_NAMES)
def test_value_is_frozen(value: Value) -> None:
    field = attrs.fields(type(value))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, field, "changed")
    with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError, TypeError)):
        value.colour = "blue"


@pytest.mark.each("cls", PUBLIC, ids=PUBLIC_NAMES)
def test_positional_arguments_are_refused(cls: type) -> None:
    if cls is RawMessage:
        assert RawMessage({"channel": "fax"}).channel == "fax"  # its one field is the whole
        return
    with pytest.raises(TypeError, match=r"positional argument|takes no arguments"):
        cls("447700900000")


KEYWORDED = [cls for cls in PUBLIC if cls is not WhatsappTemplateResource]  # a template keeps further keywords


@pytest.mark.each("cls", KEYWORDED, ids=[cls.__name__ for cls in KEYWORDED])
def test_unknown_keyword_is_a_type_error(cls: type) -> None:
    with pytest.raises(TypeError, match="colour"):
        cls(colour="blue")


REQUIRING = [cls for cls in PUBLIC if any(f.init and f.default is attrs.NOTHING for f in attrs.fields(cls))]


@pytest.mark.each("cls", REQUIRING, ids=[cls.__name__ for cls in REQUIRING])
def test_missing_keyword_is_a_type_error(cls: type) -> None:
    with pytest.raises(TypeError, match="missing"):
        cls()


@pytest.mark.each("cls", REQUIRING, ids=[cls.__name__ for cls in REQUIRING])
def test_none_for_a_required_keyword_is_named_as_missing(cls: type) -> None:
    required = [field for field in attrs.fields(cls) if field.init and field.default is attrs.NOTHING]
    problems = problems_of(cls, **{field.name: None for field in required})
    named = {problem.path for problem in problems}
    assert {field.name.removesuffix("_") for field in required} <= (named if cls is not RawMessage else {"payload"})


# Problems -------------------------------------------------------------------------------------------------------


def test_all_problems_are_named_in_the_order_of_the_fields() -> None:
    problems = problems_of(
        Sms, to="Ada", from_="", text="x" * 3201, ttl=5, client_ref="", sms={"encoding_type": "utf", "pool": 1}
    )
    assert sorted(problem.path for problem in problems) == [
        *("client_ref", "from", "sms.encoding_type", "sms.pool", "text", "to", "ttl")
    ]
    assert [problem.path for problem in problems if problem.path in {"to", "text", "ttl"}] == ["to", "text", "ttl"]


def test_problems_inside_nested_objects_are_named_under_the_outer_field() -> None:
    assert paths_of(
        RcsCardMessage,
        to="447700900000",
        from_="Acme",
        card={
            "title": "Lamp",
            "media_url": "lamp",
            "suggestions": [
                {"type": "reply", "text": "Yes", "postback_data": "y"},
                {"type": "dial", "text": "x" * 26, "postback_data": "d", "phone_number": "call"},
                {"type": "shout"},
                "Yes",
            ],
        },
    ) == [
        "card.text",
        "card.media_url",
        "card.suggestions[1].text",
        "card.suggestions[1].phone_number",
        "card.suggestions[2].type",
        "card.suggestions[3]",
    ]


def test_conditions_across_fields_are_named_beside_faults_of_single_fields() -> None:
    assert set(
        paths_of(
            RcsCardMessage,
            to="Ada",
            from_="Acme",
            card={"title": "Lamp", "text": "Warm", "media_url": "https://example.com/lamp.jpg"},
            rcs={"card_orientation": "VERTICAL"},
        )
    ) == {"to", "card.media_height"}


def test_error_is_a_value_error_and_says_what_was_refused() -> None:
    with pytest.raises(ValueError, match=r"^invalid Sms: text: must not be empty$"):
        sms(text="")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: sms(text="x" * 3201), "invalid Sms: text: must have at most 3,200 characters, not 3,201"),
        (
            lambda: sms(failover=[sms(failover=[sms()])]),
            "invalid Sms: failover[0].failover: must not be set: a failover message has no failover",
        ),
        (lambda: sms(ttl=4 * 2**30), "invalid Sms: ttl: must be 20 to 604800 (seconds), not 4294967296"),
        (
            lambda: sms(to="Ada Lovelace"),
            (
                "invalid Sms: to: must be a phone number with country code, such as 447700900000 (7 to 15 digits), "
                "not Ad********ce"
            ),
        ),
        (
            lambda: sms(to="07700 900000"),
            (
                "invalid Sms: to: must begin with the country code, not with 0 (07*******00): "
                "write 447700900000, not 07700900000"
            ),
        ),
        (lambda: sms(ttl=10**5000), "invalid Sms: ttl: must be 20 to 604800 (seconds), not a far larger number"),
        (lambda: sms(text=b"Hello"), "invalid Sms: text: must be text, not bytes"),
        (lambda: sms(failover=[]), "invalid Sms: failover: must not be empty: leave it out to send without failover"),
    ],
    ids=["long text", "nested failover", "ttl of 4 giga", "name", "national number", "huge", "bytes", "no failover"],
)
def test_common_mistake_gets_one_clear_sentence(make: Any, sentence: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        make()
    assert str(caught.value) == sentence


# What the class fixes -------------------------------------------------------------------------------------------


def test_channel_and_message_type_are_accepted_when_they_agree() -> None:
    assert sms(channel="sms", message_type="text") == sms()


@pytest.mark.parametrize(
    ("cls", "arguments", "path"),
    [
        (Sms, {"channel": "mms"}, "channel"),
        (Sms, {"message_type": "image"}, "message_type"),
        (Sms, {"channel": None}, "channel"),
        (ViberText, {"channel": "viber"}, "channel"),
    ],
)
def test_channel_or_type_that_differs_is_refused(cls: Any, arguments: dict[str, Any], path: str) -> None:
    assert paths_of(cls, **{"to": "447700900000", "from_": "Acme", "text": "Hi", **arguments}) == [path]


def test_type_of_a_part_is_accepted_when_it_agrees_and_refused_when_not() -> None:
    assert RcsSuggestionReply(text="Yes", postback_data="y", type_="reply") == RcsSuggestionReply(
        text="Yes", postback_data="y"
    )
    assert paths_of(RcsSuggestionReply, text="Yes", postback_data="y", type_="dial") == ["type"]


@pytest.mark.each(
    "cls",
    [cls for cls in EACH if issubclass(cls, BaseMessage) and cls is not BaseMessage],
    ids=lambda cls: cls.__name__,
)
def test_message_refuses_another_channel_and_another_type(cls: Any) -> None:
    for field in ("channel", "message_type"):
        with pytest.raises(InvalidMessageError, match=f"{field}: must be "):
            attrs.evolve(EACH[cls], **{field: "fax"})


# Nested values --------------------------------------------------------------------------------------------------


def test_nested_value_may_be_given_as_a_plain_dictionary() -> None:
    assert sms(sms={"encoding_type": "text", "pool_id": "p1"}) == sms(
        sms=SmsOptions(encoding_type="text", pool_id="p1")
    )


def test_keys_of_nested_dictionaries_may_have_either_spelling() -> None:
    item = {"url": "https://example.com/cat.jpg"}
    messages = [
        MmsContent(to="14155550101", from_="14155550100", content=[{**item, key: "image"}]) for key in ("type", "type_")
    ]
    assert messages[0] == messages[1]


def test_bare_url_stands_for_the_resource() -> None:
    url = "https://example.com/cat.jpg"
    assert MmsImage(to="14155550101", from_="14155550100", image=url).image == MmsResource(url=url)


def test_bare_url_is_checked_as_the_resource_is() -> None:
    assert paths_of(MmsImage, to="14155550101", from_="14155550100", image="cat.jpg") == ["image.url"]


@pytest.mark.parametrize("value", [5, b"cat", ["https://example.com/cat.jpg"], True], ids=repr)
def test_nested_value_of_another_type_is_refused(value: Any) -> None:
    assert paths_of(MmsImage, to="14155550101", from_="14155550100", image=value) == ["image"]


def test_class_that_adds_fields_is_refused_where_they_have_no_place() -> None:
    options = RcsOptionsCard(category="promotion", card_orientation="VERTICAL")
    assert paths_of(RcsText, to="447700900000", from_="Acme", text="Hi", rcs=options) == ["rcs"]


def test_derived_class_without_new_fields_is_accepted() -> None:
    class House(SmsOptions):
        pass

    assert sms(sms=House(pool_id="p1")).sms == House(pool_id="p1")


def test_lists_generators_and_tuples_are_the_same() -> None:
    replies = [RcsSuggestionReply(text=text, postback_data=text) for text in ("Yes", "No")]
    given = [replies, tuple(replies), iter(replies)]
    assert len({RcsText(to="447700900000", from_="Acme", text="Hi", suggestions=each) for each in given}) == 1


@pytest.mark.parametrize(
    ("cls", "further"),
    [
        (WhatsappCustom, {"to": "447700900000", "from_": "447700900001"}),
        (RcsCustom, {"to": "447700900000", "from_": "Acme"}),
        (MessengerCustom, {"to": "7064", "from_": "1035"}),
    ],
)
def test_dictionary_that_changes_later_does_not_change_the_message(cls: Any, further: dict[str, str]) -> None:
    given: dict[str, Any] = {"type": "note", "rows": [{"id": "a"}]}
    message = cls(custom=given, **further)
    given["rows"][0]["id"] = "changed"
    given["more"] = 1
    assert message.custom == {"type": "note", "rows": [{"id": "a"}]}


def test_template_keys_that_change_later_do_not_change_the_template() -> None:
    further = {"rows": ["a"]}
    template = WhatsappTemplateResource(name="verify", layout=further)
    further["rows"].append("b")
    assert template.extra == {"layout": {"rows": ["a"]}}


def test_list_that_changes_later_does_not_change_the_message() -> None:
    spares = [sms(text="spare")]
    message = sms(failover=spares)
    spares.clear()
    assert message.failover == (sms(text="spare"),)


@pytest.mark.parametrize("key", [1, None, ("a",)], ids=repr)
def test_key_that_is_no_text_is_refused_wherever_it_stands(key: Any) -> None:
    assert paths_of(WhatsappCustom, to="447700900000", from_="447700900001", custom={"a": {key: 1}}) == ["custom.a"]
    base = {"to": "447700900000", "from_": "447700900001"}
    assert paths_of(WhatsappTemplate, **base, template={"name": "verify", key: 1}) == ["template.extra"]
    assert paths_of(Sms, to="447700900000", from_="Acme", text="Hi", sms={key: 1}) == [f"sms.{key}"]


def test_equality_is_of_content_and_class() -> None:
    assert sms() == sms()
    assert sms() != sms(text="Bye")
    assert WhatsappText(to="447700900000", from_="447700900001", text="Hi") != ViberText(
        to="447700900000", from_="447700900001", text="Hi"
    )


def test_evolving_checks_again() -> None:
    with pytest.raises(InvalidMessageError, match="text: must not be empty"):
        attrs.evolve(sms(), text="")


# Failover -------------------------------------------------------------------------------------------------------


def test_failover_may_mix_channels_without_bound() -> None:
    spares = [sms(text=str(number)) for number in range(50)]
    assert sms(failover=[WhatsappText(to="US.1349", from_="447700900001", text="Hi"), *spares]).failover is not None


def test_raw_message_may_stand_in_failover() -> None:
    assert sms(failover=[RawMessage({"channel": "fax"})]).failover == (RawMessage({"channel": "fax"}),)


def test_raw_message_with_its_own_failover_is_nested_too() -> None:
    raw = RawMessage({"channel": "fax", "failover": [{"channel": "sms"}]})
    assert paths_of(Sms, to="447700900000", from_="Acme", text="Hi", failover=[sms(), raw]) == ["failover[1].failover"]


@pytest.mark.parametrize(
    ("failover", "path"),
    [
        ([], "failover"),
        ("sms", "failover"),
        (5, "failover"),
        ({"channel": "sms"}, "failover"),
        (["sms"], "failover[0]"),
    ],
    ids=str,
)
def test_failover_that_is_no_list_of_messages_is_refused(failover: Any, path: str) -> None:
    assert paths_of(Sms, to="447700900000", from_="Acme", text="Hi", failover=failover) == [path]


# Bases ----------------------------------------------------------------------------------------------------------


def test_base_message_has_the_common_fields_and_no_content() -> None:
    assert BaseMessage(to="+44 7700 900000").to == "447700900000"


@pytest.mark.parametrize("name", ["channel", "message_type", "to", "from_", "client_ref", "failover"])
def test_bare_message_promises_what_every_message_answers(name: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(Message(), name)


def test_bare_custom_object_cannot_be_written_out() -> None:
    with pytest.raises(NotImplementedError):
        CustomObject().to_json()


def test_values_refuse_half_a_surrogate_pair_in_any_text() -> None:
    half = "\ud83d"
    assert paths_of(Sms, to="447700900000", from_="Acme" + half, text="Hi" + half) == ["from", "text"]
    assert paths_of(WhatsappCustom, to="447700900000", from_="447700900001", custom={"a": [half], "b": {half: 1}}) == [
        *("custom.a[0]", "custom.b")
    ]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 10**400, b"x", {1}, Ellipsis], ids=ascii)
def test_custom_object_refuses_what_json_cannot_say(number: Any) -> None:
    assert paths_of(WhatsappCustom, to="447700900000", from_="447700900001", custom={"a": number}) == ["custom.a"]


@pytest.mark.each("value", [None, True, 0, -1, 2**64, 1.5, "", "x", [], {}, [1, [2]]], ids=repr)
def test_custom_object_takes_every_json_value(value: Any) -> None:
    message = WhatsappCustom(to="447700900000", from_="447700900001", custom={"a": value})
    assert message.custom == {"a": value}


@pytest.mark.parametrize(("depth", "accepted"), [(64, True), (65, False)])
def test_custom_object_nests_64_levels_deep(depth: int, accepted: bool) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    if accepted:
        assert RcsCustom(to="447700900000", from_="Acme", custom=value).custom == value
    else:
        assert paths_of(RcsCustom, to="447700900000", from_="Acme", custom=value) == ["custom" + ".a" * 65]


def test_value_may_be_built_of_parts_that_stand_alone() -> None:
    card = RcsCard(title="Lamp", text="Warm", media_url="https://example.com/lamp.jpg")
    context = WhatsappContext(message_uuid="aaaa")
    assert RcsCardMessage(to="447700900000", from_="Acme", card=card).card is card
    assert (
        WhatsappSticker(
            to="447700900000", from_="447700900001", sticker="https://example.com/a.webp", context=context
        ).context
        is context
    )


def test_video_of_viber_needs_its_options() -> None:
    video = {"url": "https://example.com/a.mp4", "thumb_url": "https://example.com/a.jpg"}
    with pytest.raises(TypeError, match="viber_service"):
        ViberVideo(to="447700900000", from_="654321", video=video)
