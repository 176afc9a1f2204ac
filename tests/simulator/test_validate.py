"""Rules written down by hand from the words of the reference, on both sides of their edges."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.simulator.validate import validate_update, validate_v0_1, validate_v1

SMS: dict[str, Any] = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
WHATSAPP: dict[str, Any] = {
    "channel": "whatsapp",
    "message_type": "text",
    "to": "447700900000",
    "from": "447700900001",
    "text": "a",
}
RCS: dict[str, Any] = {
    "channel": "rcs",
    "message_type": "text",
    "to": "447700900000",
    "from": "Vonage",
    "text": "Hello",
}
MMS = {"channel": "mms", "message_type": "text", "to": "14155550100", "from": "14155550101", "text": "Hello"}
EMAIL = {
    "channel": "email",
    "message_type": "text",
    "to": "user@example.com",
    "from": "acme@example.org",
    "text": "Hello",
    "email": {"subject": "Hello"},
}
VIBER_FILE: dict[str, Any] = {
    "channel": "viber_service",
    "message_type": "file",
    "to": "447700900000",
    "from": "22353",
    "file": {"url": "https://example.com/report.pdf"},
}
REACTION = {
    **{name: value for name, value in WHATSAPP.items() if name != "text"},
    "message_type": "reaction",
    "context": {"message_uuid": "x"},
}
STICKER = {**{name: value for name, value in WHATSAPP.items() if name != "text"}, "message_type": "sticker"}
CARD: dict[str, Any] = {
    **{name: value for name, value in RCS.items() if name != "text"},
    "message_type": "card",
    "card": {"title": "t", "text": "x", "media_url": "https://example.com/a.jpg"},
}


def names(payload: dict[str, Any]) -> list[str]:
    return [problem.name for problem in validate_v1(payload)]


@pytest.mark.parametrize("number", ["4477009", "447700900000", "447700900000123"])
def test_recipients_of_seven_to_fifteen_digits_are_accepted(number: str) -> None:
    assert names(SMS | {"to": number}) == []


@pytest.mark.each(
    "number",
    [
        "447700",
        "4477009000001234",
        "0447700900000",
        "+447700900000",
        "00447700900000",
        "44 7700 900000",
        "Alice",
        "٤٤٧٧٠٠٩٠٠٠٠٠",
        "447700900000\n",
        "US.13491208655302741918",
        "",
    ],
)
def test_recipients_of_another_form_are_refused(number: str) -> None:
    assert names(SMS | {"to": number}) == ["to"]


@pytest.mark.parametrize(
    "recipient",
    [
        "4477",
        "447700900000",
        "US.1",
        "US.13491208655302741918",
        "US.ENT.13491208655302741918",
        "GB." + "a" * 128,
    ],
)
def test_whatsapp_takes_numbers_of_any_length_and_business_scoped_ids(recipient: str) -> None:
    assert names(WHATSAPP | {"to": recipient}) == []


@pytest.mark.parametrize(
    "recipient", ["us.1349", "USA.1349", "US.", "US.13-49", "GB." + "a" * 129, "US.1\n", "+447700900000", "0447"]
)
def test_what_is_neither_number_nor_business_scoped_id_is_refused(recipient: str) -> None:
    assert names(WHATSAPP | {"to": recipient}) == ["to"]


@pytest.mark.parametrize("sender", ["447700900001", "015417543010", "12345", "Acme", "Acme 24", "A&B-c_d.e"])
def test_sms_takes_numbers_and_names_as_senders(sender: str) -> None:
    assert names(SMS | {"from": sender}) == []


@pytest.mark.parametrize(
    "sender", ["+447700900001", "00447700900001", "00Acme", "+Acme", "", " Acme", "Acme\n", "1" * 16]
)
def test_sms_senders_with_a_prefix_or_stray_space_are_refused(sender: str) -> None:
    assert names(SMS | {"from": sender}) == ["from"]


@pytest.mark.parametrize("sender", ["12345", "123456", "015417543010", "14155550101"])
def test_mms_takes_short_codes_and_numbers(sender: str) -> None:
    assert names(MMS | {"from": sender}) == []


@pytest.mark.parametrize("sender", ["Acme", "+14155550101", "0014155550101", "1" * 16, "١٢٣٤٥"])
def test_mms_and_whatsapp_refuse_senders_that_are_no_number(sender: str) -> None:
    assert names(MMS | {"from": sender}) == ["from"]
    assert names(WHATSAPP | {"from": sender}) == ["from"]


@pytest.mark.parametrize(
    ("sender", "wrong"),
    [("Vonage", []), ("a-b_c&d9", []), ("My Brand", ["from"]), ("Vonage!", ["from"]), ("Vonäge", ["from"])],
)
def test_rcs_senders_have_no_spaces(sender: str, wrong: list[str]) -> None:
    assert names(RCS | {"from": sender}) == wrong


@pytest.mark.parametrize(
    "address",
    ["Jo <jo@example.com>", "jo", "jo@", "@example.com", "a@example.com,b@example.com", "jo @example.com", "a@b@c"],
)
def test_email_addresses_have_no_display_name_and_stand_alone(address: str) -> None:
    assert names(EMAIL | {"to": address}) == ["to"]
    assert names(EMAIL | {"from": address}) == ["from"]


def test_participants_of_a_group_are_numbers() -> None:
    assert names(MMS | {"mms": {"participants": ["14155550102", "+14155550103", 5]}}) == [
        "mms.participants[1]",
        "mms.participants[2]",
    ]


def test_the_client_reference_may_have_a_hundred_characters() -> None:
    assert names(SMS | {"client_ref": "a" * 100}) == []
    assert names(SMS | {"client_ref": "a" * 101}) == ["client_ref"]


def test_characters_are_counted_and_not_bytes() -> None:
    assert names(SMS | {"text": "\N{GRINNING FACE}" * 3200}) == []
    assert names(SMS | {"text": "\N{GRINNING FACE}" * 3201}) == ["text"]


def test_an_empty_text_is_refused() -> None:
    assert names(SMS | {"text": ""}) == ["text"]


def test_the_published_bounds_are_the_newer_ones() -> None:
    assert names(SMS | {"text": "a" * 3200, "ttl": 604800}) == []
    assert names(RCS | {"text": "a" * 3072, "ttl": 20}) == []
    assert names(RCS | {"text": "a" * 3073, "ttl": 19}) == ["text", "ttl"]
    assert names(MMS | {"ttl": 299}) == ["ttl"]
    assert names(WHATSAPP | {"text": "a" * 4096}) == []
    assert names(WHATSAPP | {"text": "a" * 4097}) == ["text"]
    assert names(WHATSAPP | {"ttl": 600}) == ["ttl"]


def test_a_reaction_needs_an_emoji_and_a_context() -> None:
    assert names(REACTION | {"reaction": {"action": "react", "emoji": "\N{GRINNING FACE}"}}) == []
    assert names(REACTION | {"reaction": {"action": "react"}}) == ["reaction.emoji"]
    assert names(REACTION | {"reaction": {"action": "react", "emoji": ""}}) == ["reaction.emoji"]
    lonely = {name: value for name, value in REACTION.items() if name != "context"}
    assert names(lonely | {"reaction": {"action": "unreact"}}) == ["context"]


def test_taking_a_reaction_back_has_no_emoji() -> None:
    assert names(REACTION | {"reaction": {"action": "unreact"}}) == []
    assert names(REACTION | {"reaction": {"action": "unreact", "emoji": "\N{GRINNING FACE}"}}) == ["reaction.emoji"]


@pytest.mark.parametrize(
    ("context", "wrong"),
    [({"message_uuid": "a1b2"}, []), ({"message_uuid": ""}, ["context.message_uuid"]), ({}, ["context.message_uuid"])],
)
def test_the_quoted_message_is_any_text_that_is_not_empty(context: dict[str, str], wrong: list[str]) -> None:
    assert names(WHATSAPP | {"context": context}) == wrong


def test_a_sticker_has_exactly_one_of_url_and_id() -> None:
    address = "https://example.com/a.webp"
    assert names(STICKER | {"sticker": {"url": address}}) == []
    assert names(STICKER | {"sticker": {"id": "x"}}) == []
    assert names(STICKER | {"sticker": {"url": address, "id": "x"}}) == ["sticker"]
    assert names(STICKER | {"sticker": {}}) == ["sticker"]
    assert names(STICKER) == ["sticker"]


def test_a_vertical_card_needs_the_height_of_its_media() -> None:
    vertical = {"rcs": {"card_orientation": "VERTICAL"}}
    high = CARD["card"] | {"media_height": "TALL"}
    assert names(CARD) == []
    assert names(CARD | vertical) == ["card.media_height"]
    assert names(CARD | vertical | {"card": high}) == []


def test_a_horizontal_card_needs_the_side_of_its_image() -> None:
    assert names(CARD | {"rcs": {"card_orientation": "HORIZONTAL"}}) == ["rcs.image_alignment"]
    assert names(CARD | {"rcs": {"card_orientation": "HORIZONTAL", "image_alignment": "LEFT"}}) == []


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"category": "message_tag"}, ["messenger.tag"]),
        ({"category": "message_tag", "tag": "SHIPPING_UPDATE"}, []),
        ({"category": "response", "tag": "CONFIRMED_EVENT_UPDATE"}, []),
        ({"category": "other"}, ["messenger.category"]),
        ({}, []),
    ],
)
def test_a_messenger_tag_is_required_with_its_category(options: dict[str, str], wrong: list[str]) -> None:
    message = {"channel": "messenger", "message_type": "text", "to": "1", "from": "2", "text": "a"}
    assert names(message | {"messenger": options}) == wrong


@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        ({"url": "https://example.com/report.pdf"}, []),
        ({"url": "files/report.pdf"}, []),
        ({"url": "https://example.com/files/"}, ["file.url"]),
        ({"url": "https://example.com/files/report"}, ["file.url"]),
        ({"url": "https://example.com/files/", "name": "report.pdf"}, []),
        ({"url": "https://example.com/a.exe", "name": "report.pdf"}, ["file.url"]),
        ({"url": "https://example.com/a.pdf", "name": "a" * 25}, []),
        ({"url": "https://example.com/a.pdf", "name": "a" * 26}, ["file.name"]),
        ({"url": "ftp://example.com/a.pdf"}, ["file.url"]),
    ],
)
def test_a_viber_file_ends_in_a_file_name_unless_it_has_one(file: dict[str, str], wrong: list[str]) -> None:
    assert names(VIBER_FILE | {"file": file}) == wrong


def test_a_viber_image_needs_a_caption_with_an_action() -> None:
    message = {**VIBER_FILE, "message_type": "image", "image": {"url": "https://example.com/a.jpg"}}
    del message["file"]
    action = {"viber_service": {"action": {"url": "https://example.com", "text": "Go"}}}
    assert names(message) == []
    assert names(message | action) == ["image.caption"]


def test_viber_files_and_videos_have_no_action() -> None:
    action = {"viber_service": {"action": {"url": "https://example.com", "text": "Go"}}}
    assert names(VIBER_FILE | action) == ["viber_service.action"]


@pytest.mark.parametrize("duration", ["0", "601", "", "12.5", "-1", "9" * 5000, "١٢", "1 "])
def test_a_viber_duration_is_a_text_of_digits_within_bounds(duration: str) -> None:
    message = {
        **{name: value for name, value in VIBER_FILE.items() if name != "file"},
        "message_type": "video",
        "video": {"url": "https://example.com/a.mp4", "thumb_url": "https://example.com/a.jpg"},
    }
    assert names(message | {"viber_service": {"duration": "600", "file_size": "200"}}) == []
    assert names(message | {"viber_service": {"duration": duration, "file_size": "200"}}) == ["viber_service.duration"]


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ([{"type": "text", "text": "a"}, {"type": "html", "body": "b"}], []),
        ([{"type": "text"}], ["content[0].text"]),
        ([{"type": "html", "body": "b"}, {"type": "html"}], ["content[1].body"]),
        ([{"type": "text", "text": "a", "body": "b"}], ["content[0].body"]),
        ([{"type": "html", "text": "a", "body": "b"}], ["content[0].text"]),
        ([{"type": "image", "text": "a"}], ["content[0].type"]),
        ([{}], ["content[0].type"]),
        (["text"], ["content[0]"]),
        ([], ["content"]),
    ],
)
def test_parts_of_an_email_have_what_their_type_says(parts: list[Any], wrong: list[str]) -> None:
    message = {name: value for name, value in EMAIL.items() if name != "text"}
    assert names(message | {"message_type": "content", "content": parts}) == wrong


def test_copies_of_an_email_go_to_addresses() -> None:
    copies = [{"address": "a@example.com"}, {"address": "a@b"}, {"name": "Jo"}]
    assert names(EMAIL | {"email": {"subject": "s", "cc": copies}}) == [
        "email.cc[1].address",
        "email.cc[2].address",
    ]


@pytest.mark.parametrize("number", ["+447900000000", "14155550100", "12"])
def test_dialled_numbers_may_have_a_plus(number: str) -> None:
    dial = {"type": "dial", "text": "Call", "postback_data": "x", "phone_number": number}
    assert names(RCS | {"suggestions": [dial]}) == []


@pytest.mark.parametrize("number", ["0044790", "1", "+0", "1" * 16, "١٤١٥٥٥٥٠١٠٠", "14155550100\n"])
def test_dialled_numbers_of_another_form_are_refused(number: str) -> None:
    dial = {"type": "dial", "text": "Call", "postback_data": "x", "phone_number": number}
    assert names(RCS | {"suggestions": [dial]}) == ["suggestions[0].phone_number"]


@pytest.mark.parametrize(
    ("start", "wrong"),
    [
        ("2024-06-28T19:00:00Z", False),
        ("2024-06-28T19:00:00.5+02:00", False),
        ("2024-06-28T19:00:00", True),
        ("2024-02-30T19:00:00Z", True),
        ("2024-06-28", True),
        ("tomorrow", True),
    ],
)
def test_calendar_events_have_instants(start: str, wrong: bool) -> None:
    event = {
        "type": "create_calendar_event",
        "text": "Save",
        "postback_data": "x",
        "start_time": start,
        "end_time": "2024-06-28T20:00:00Z",
        "title": "t",
        "description": "d",
    }
    assert names(RCS | {"suggestions": [event]}) == (["suggestions[0].start_time"] if wrong else [])


def test_an_unknown_suggestion_is_refused() -> None:
    assert names(RCS | {"suggestions": [{"type": "vote"}, {}, "reply"]}) == [
        "suggestions[0].type",
        "suggestions[1].type",
        "suggestions[2]",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "example.com/a.jpg",
        "/a.jpg",
        "ftp://example.com/a.jpg",
        "https://",
        "https://[x/a.jpg",
        "https://a b/c.jpg",
        "https://e.x:99999/a.jpg",
        "http://e.x\n",
    ],
)
def test_media_urls_are_absolute(address: str) -> None:
    message = {name: value for name, value in RCS.items() if name != "text"}
    assert names(message | {"message_type": "image", "image": {"url": address}}) == ["image.url"]


def test_webhook_urls_may_be_local() -> None:
    assert names(SMS | {"webhook_url": "http://127.0.0.1:8000/status"}) == []
    assert names(SMS | {"webhook_url": "status"}) == ["webhook_url"]


def test_template_parameters_are_texts_and_further_keys_are_kept() -> None:
    message: dict[str, Any] = {name: value for name, value in WHATSAPP.items() if name != "text"}
    message |= {"message_type": "template", "whatsapp": {"locale": "en_US"}}
    assert names(message | {"template": {"name": "n", "parameters": ["a"], "components": []}}) == []
    assert names(message | {"template": {"name": "n", "parameters": [{"default": "a"}]}}) == ["template.parameters[0]"]


def test_custom_objects_are_passed_on_unread() -> None:
    for channel in ("whatsapp", "rcs", "messenger"):
        message = {"channel": channel, "message_type": "custom", "to": "447700900000", "from": "447700900001"}
        assert names(message | {"custom": {"anything": [{"goes": None}]}}) == []
        assert names(message | {"custom": "text"}) == ["custom"]
        assert names(message) == ["custom"]


@pytest.mark.parametrize("channel", [None, 5, [], {}, "SMS", "viber_service_msg", "telegram", ""])
def test_an_unknown_channel_is_the_one_problem(channel: Any) -> None:
    assert names(SMS | {"channel": channel}) == ["channel"]


@pytest.mark.parametrize("message_type", [None, 5, [], {}, "image", "TEXT", ""])
def test_an_unknown_message_type_is_the_one_problem(message_type: Any) -> None:
    assert names(SMS | {"message_type": message_type}) == ["message_type"]


def test_failover_messages_are_checked_like_any_other() -> None:
    chain = [SMS, SMS | {"text": "", "to": "x"}, {"channel": "sms"}, "sms", {}]
    assert names(RCS | {"failover": chain}) == [
        "failover[1].to",
        "failover[1].text",
        "failover[2].message_type",
        "failover[3]",
        "failover[4].channel",
    ]


def test_failover_has_no_published_length_but_is_not_empty() -> None:
    assert names(RCS | {"failover": [SMS] * 50}) == []
    assert names(RCS | {"failover": []}) == ["failover"]


def test_failover_inside_failover_is_refused() -> None:
    assert names(RCS | {"failover": [SMS | {"failover": [SMS]}]}) == ["failover[0].failover"]


def test_suggestions_inside_failover_are_named_by_their_whole_path() -> None:
    chain = [RCS | {"suggestions": [{"type": "reply", "text": "a"}]}]
    assert names(SMS | {"failover": chain}) == ["failover[0].suggestions[0].postback_data"]


def test_every_problem_is_listed_at_once_in_the_order_of_the_fields() -> None:
    payload = {"pool_id": "p", "channel": "sms", "message_type": "text", "to": "x", "ttl": 1}
    assert names(payload) == ["to", "from", "text", "ttl", "pool_id"]


def test_reasons_never_repeat_a_value() -> None:
    secret = "447700900123456789"
    payload = SMS | {"to": secret, "from": f"+{secret}", "client_ref": secret * 10, "ttl": int(secret)}
    assert len(names(payload)) == 4
    assert secret not in " ".join(problem.reason for problem in validate_v1(payload))


def test_a_flood_of_problems_is_cut() -> None:
    problems = validate_v1(SMS | {f"{'long' * 100}{index}": 1 for index in range(1000)})
    assert len(problems) == 100
    assert max(len(problem.name) for problem in problems) == 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELD_NAMES = st.sampled_from(
    ["to", "from", "text", "failover", "suggestions", "sms", "rcs", "card", "carousel", "custom", "content", "email"]
)


@given(payload=st.dictionaries(FIELD_NAMES | st.text(max_size=5), JSON, max_size=8), data=st.data())
def test_arbitrary_objects_never_crash_the_rules(payload: dict[str, Any], data: st.DataObject) -> None:
    kind = st.sampled_from(["sms.text", "rcs.card", "rcs.carousel", "rcs.text", "email.content", "mms.content"])
    channel, _, message_type = data.draw(kind).partition(".")
    problems = validate_v1(payload | {"channel": channel, "message_type": message_type})
    problems += validate_v0_1(payload) + validate_update("whatsapp", payload)
    assert problems
    json.dumps(problems)
