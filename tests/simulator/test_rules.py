"""
Every bound of the rule table on both sides of its edge.

The whole messages below are written by hand from the reference, the edges are walked from the table: a field that the
table has and the reference does not, or the other way round, shows as a failure. ``test_validate.py`` holds the cases
that no table could generate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from vonage_messages.simulator.rules import v0_1_rules, v1_rules
from vonage_messages.simulator.validate import validate_update, validate_v0_1, validate_v1

TO = "447700900000"
FROM = "447700900001"
COMMON = {"client_ref": "abc123", "webhook_url": "https://example.com/status", "webhook_version": "v1"}
FAILOVER = {"failover": [{"channel": "sms", "message_type": "text", "to": TO, "from": FROM, "text": "Hello"}]}
NUMBERS = {"to": TO, "from": FROM, "trusted_recipient": True, "trusted_sender": False, "ttl": 600}
MMS = {**NUMBERS, "mms": {"participants": ["447700900002"]}}
RCS = {**NUMBERS, "from": "Vonage", "rcs": {"category": "promotion"}}
WHATSAPP = {"to": TO, "from": FROM, "context": {"message_uuid": "a1b2c3d4a1b2c3d4"}}
MESSENGER = {"to": "1234", "from": "5678", "messenger": {"category": "message_tag", "tag": "ACCOUNT_UPDATE"}}
VIBER = {"category": "transaction", "ttl": 600, "type": "string"}
ACTION = {"action": {"url": "https://example.com/page", "text": "Find out more"}}
EMAIL = {
    "to": "user@example.com",
    "from": "no-reply@example.org",
    "email": {
        "subject": "Hello",
        "to_name": "Jo",
        "from_name": "Acme",
        "importance": "High",
        "priority": "Non-urgent",
        "sensitivity": "Private",
        "cc": [{"address": "a@example.com", "name": "A"}],
        "bcc": [{"address": "b@example.com", "name": "B"}],
    },
}
REPLY = {"type": "reply", "text": "Yes", "postback_data": "yes"}
CARD = {
    "title": "Title",
    "text": "Text",
    "media_url": "https://example.com/image.jpg",
    "media_description": "A cat",
    "media_height": "SHORT",
    "thumbnail_url": "https://example.com/thumbnail.jpg",
    "media_force_refresh": True,
    "suggestions": [REPLY],
}
SUGGESTIONS: dict[str, dict[str, Any]] = {
    "reply": REPLY,
    "dial": {
        **REPLY,
        "type": "dial",
        "phone_number": "+447900000000",
        "fallback_url": "https://example.com/contact",
    },
    "view_location": {
        **REPLY,
        "type": "view_location",
        "latitude": "51.5",
        "longitude": "-0.08",
        "pin_label": "Office",
        "fallback_url": "https://example.com/map",
    },
    "share_location": {**REPLY, "type": "share_location"},
    "open_url": {**REPLY, "type": "open_url", "url": "https://example.com", "description": "A page"},
    "open_url_in_webview": {
        **REPLY,
        "type": "open_url_in_webview",
        "url": "https://example.com",
        "description": "A page",
        "view_mode": "FULL",
    },
    "create_calendar_event": {
        **REPLY,
        "type": "create_calendar_event",
        "start_time": "2024-06-28T19:00:00Z",
        "end_time": "2024-06-28T20:00:00Z",
        "title": "Launch",
        "description": "Come",
        "fallback_url": "https://example.com/calendar",
    },
}


def url(extension: str) -> dict[str, str]:
    return {"url": f"https://example.com/file.{extension}"}


def captioned(extension: str) -> dict[str, str]:
    return {**url(extension), "caption": "A caption"}


BODIES: dict[str, dict[str, Any]] = {
    "sms.text": {
        **NUMBERS,
        "text": "Hello",
        "sms": {"encoding_type": "auto", "content_id": "1", "entity_id": "2", "pool_id": "3"},
    },
    "mms.text": {**MMS, "text": "Hello"},
    "mms.image": {**MMS, "image": captioned("jpg")},
    "mms.vcard": {**MMS, "vcard": captioned("vcf")},
    "mms.audio": {**MMS, "audio": captioned("mp3")},
    "mms.video": {**MMS, "video": captioned("mp4")},
    "mms.file": {**MMS, "file": captioned("pdf")},
    "mms.content": {**MMS, "content": [{"type": "image", **captioned("jpg")}]},
    "rcs.text": {**RCS, "text": "Hello", "suggestions": [REPLY]},
    "rcs.image": {**RCS, "image": url("jpg")},
    "rcs.video": {**RCS, "video": url("mp4")},
    "rcs.file": {**RCS, "file": url("pdf")},
    "rcs.card": {
        **RCS,
        "card": CARD,
        "rcs": {"category": "promotion", "card_orientation": "VERTICAL", "image_alignment": "LEFT"},
    },
    "rcs.carousel": {
        **RCS,
        "carousel": {"cards": [CARD, CARD]},
        "suggestions": [REPLY],
        "rcs": {"category": "promotion", "card_width": "SMALL"},
    },
    "rcs.custom": {**RCS, "custom": {"contentMessage": {"text": "Hello"}}},
    "whatsapp.text": {**WHATSAPP, "text": "Hello"},
    "whatsapp.image": {**WHATSAPP, "image": captioned("jpg")},
    "whatsapp.audio": {**WHATSAPP, "audio": url("mp3")},
    "whatsapp.video": {**WHATSAPP, "video": captioned("mp4")},
    "whatsapp.file": {**WHATSAPP, "file": {**captioned("pdf"), "name": "file.pdf"}},
    "whatsapp.template": {
        **WHATSAPP,
        "template": {"name": "verify", "parameters": ["1", "2"]},
        "whatsapp": {"policy": "deterministic", "locale": "en_US"},
    },
    "whatsapp.sticker": {**WHATSAPP, "sticker": url("webp")},
    "whatsapp.reaction": {**WHATSAPP, "reaction": {"action": "react", "emoji": "\N{GRINNING FACE}"}},
    "whatsapp.custom": {**WHATSAPP, "custom": {"type": "location", "location": {"latitude": 1}}},
    "messenger.text": {**MESSENGER, "text": "Hello"},
    "messenger.image": {**MESSENGER, "image": url("jpg")},
    "messenger.audio": {**MESSENGER, "audio": url("mp3")},
    "messenger.video": {**MESSENGER, "video": url("mp4")},
    "messenger.file": {**MESSENGER, "file": url("pdf")},
    "messenger.custom": {**MESSENGER, "custom": {"attachment": {"type": "template"}}},
    "viber_service.text": {"to": TO, "from": "22353", "text": "Hello", "viber_service": {**VIBER, **ACTION}},
    "viber_service.image": {
        "to": TO,
        "from": "22353",
        "image": captioned("jpg"),
        "viber_service": {**VIBER, **ACTION},
    },
    "viber_service.video": {
        "to": TO,
        "from": "22353",
        "video": {**captioned("mp4"), "thumb_url": "https://example.com/thumb.jpg"},
        "viber_service": {**VIBER, "duration": "123", "file_size": "1"},
    },
    "viber_service.file": {
        "to": TO,
        "from": "22353",
        "file": {**url("pdf"), "name": "report.pdf"},
        "viber_service": VIBER,
    },
    "email.text": {**EMAIL, "text": "Hello"},
    "email.html": {**EMAIL, "html": {"body": "<p>Hello</p>"}},
    "email.content": {
        **EMAIL,
        "content": [{"type": "text", "text": "Hello"}, {"type": "html", "body": "<p>Hello</p>"}],
    },
}


def whole(name: str) -> dict[str, Any]:
    """Give a fresh message of kind *name* with every documented field, written by hand."""
    channel, _, message_type = name.partition(".")
    message = {"channel": channel, "message_type": message_type, **BODIES[name], **COMMON, **FAILOVER}
    # Through JSON, because a deep copy would keep two equal cards one and the same object.
    fresh: dict[str, Any] = json.loads(json.dumps(message))
    return fresh


def names(payload: dict[str, Any]) -> list[str]:
    return [problem.name for problem in validate_v1(payload)]


def parent(payload: Any, path: str) -> tuple[Any, str]:
    """Find the object that holds the last name of *path*; ``[]`` is the first item."""
    *above, last = path.split(".")
    for step in above:
        payload = payload[step.removesuffix("[]")]
        payload = payload[0] if step.endswith("[]") else payload
    return payload, last


def given(payload: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    holder, last = parent(payload, path)
    holder[last] = value
    return payload


def without(payload: dict[str, Any], path: str) -> dict[str, Any]:
    holder, last = parent(payload, path)
    del holder[last]
    return payload


def shown(path: str) -> str:
    return path.replace("[]", "[0]")


TABLE = json.loads(files("vonage_messages.simulator.rules").joinpath("v1.json").read_text(encoding="utf-8"))

# These take part in a condition: cutting or changing them alone makes another rule speak. Tested by hand.
BY_HAND = {
    "channel",
    "message_type",
    "reaction.action",
    "content[].body",
    "content[].type",
    "sticker.id",
    "sticker.url",
    "failover",
}


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, entry in TABLE["messages"].items():
        for path, rule in (TABLE["common"]["fields"] | entry["fields"]).items():
            if path not in BY_HAND:
                yield name, path, rule


def cases(key: str) -> list[Any]:
    return [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in fields() if key in case[2]]


def typed(kind: str) -> list[Any]:
    return [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in fields() if case[2]["type"] == kind]


def long_value(rule: dict[str, Any], path: str, length: int) -> str:
    """Give a value of *length* characters that has the form of its field."""
    if rule.get("format") == "url" or path.endswith("_url"):
        return "https://e.x/".ljust(length, "a")
    if path == "to" and rule.get("maxLength") == 15:
        return "4" * length
    return "a" * length


@pytest.mark.each("name", [*TABLE["messages"], "messenger.custom"])
def test_a_message_with_every_documented_field_is_accepted(name: str) -> None:
    assert validate_v1(whole(name)) == []


def test_the_rules_know_exactly_the_documented_messages() -> None:
    assert set(v1_rules().messages) == set(BODIES)


@pytest.mark.each("name", sorted(BODIES))
def test_a_message_with_only_its_required_fields_is_accepted(name: str) -> None:
    message = whole(name)
    for optional in ("client_ref", "webhook_url", "webhook_version", "failover", "ttl", "mms", "rcs", "sms"):
        message.pop(optional, None)
    for optional in ("trusted_recipient", "trusted_sender", "suggestions", "messenger"):
        message.pop(optional, None)
    if name != "whatsapp.reaction":
        message.pop("context", None)
    if name != "whatsapp.template":
        message.pop("whatsapp", None)
    if name != "viber_service.video":
        message.pop("viber_service", None)
    assert validate_v1(message) == []


@pytest.mark.each(("name", "path", "rule"), list(fields()))
def test_every_field_of_the_table_stands_in_the_hand_written_message(
    name: str, path: str, rule: dict[str, Any]
) -> None:
    holder, last = parent(whole(name), path)
    assert last in holder, rule


@pytest.mark.each(
    ("name", "path"),
    [
        pytest.param(name, path, id=f"{name}-{path}")
        for name, entry in TABLE["messages"].items()
        for path in sorted({*TABLE["common"]["required"], *entry["required"]} - BY_HAND)
    ],
)
def test_a_required_field_that_is_missing_is_named(name: str, path: str) -> None:
    assert names(without(whole(name), path)) == [shown(path)]


@pytest.mark.each(("name", "path", "rule"), cases("maxLength"))
def test_the_longest_text_is_accepted_and_one_more_is_refused(name: str, path: str, rule: dict[str, Any]) -> None:
    longest = rule["maxLength"]
    assert names(given(whole(name), path, long_value(rule, path, longest))) == []
    assert names(given(whole(name), path, long_value(rule, path, longest + 1))) == [shown(path)]


@pytest.mark.each(("name", "path", "rule"), cases("minLength"))
def test_the_shortest_text_is_accepted_and_one_less_is_refused(name: str, path: str, rule: dict[str, Any]) -> None:
    shortest = rule["minLength"]
    is_url = rule.get("format") == "url"
    value = "http://e.x".ljust(shortest, "a") if is_url else long_value(rule, path, shortest)
    assert names(given(whole(name), path, value)) == []
    assert names(given(whole(name), path, value[: shortest - 1])) == [shown(path)]


@pytest.mark.each(("name", "path", "rule"), cases("minimum"))
def test_numbers_are_accepted_up_to_both_bounds_and_no_further(name: str, path: str, rule: dict[str, Any]) -> None:
    written = str if rule["type"] == "string" else int
    for inside in (rule["minimum"], rule["maximum"]):
        assert names(given(whole(name), path, written(inside))) == []
    for outside in (rule["minimum"] - 1, rule["maximum"] + 1, 4 * 2**30):
        assert names(given(whole(name), path, written(outside))) == [shown(path)]


@pytest.mark.each(("name", "path", "rule"), cases("enum"))
def test_every_value_of_an_enumeration_is_accepted_and_others_are_refused(
    name: str, path: str, rule: dict[str, Any]
) -> None:
    for value in rule["enum"]:
        assert names(given(whole(name), path, value)) == []
    for value in ("other", rule["enum"][0].swapcase(), f"{rule['enum'][0]} ", ""):
        if value not in rule["enum"]:
            assert names(given(whole(name), path, value)) == [shown(path)]


@pytest.mark.each(("name", "path", "rule"), cases("extensions"))
def test_every_file_type_of_a_field_is_accepted_and_others_are_refused(
    name: str, path: str, rule: dict[str, Any]
) -> None:
    for extension in rule["extensions"]:
        assert names(given(whole(name), path, f"https://example.com/a.{extension}")) == []
        assert names(given(whole(name), path, f"https://example.com/a.{extension.upper()}?v=1.0")) == []
    assert names(given(whole(name), path, "https://example.com/a.exe")) == [shown(path)]
    assert names(given(whole(name), path, "https://example.com/v1.0/download")) == []


@pytest.mark.each(("name", "path", "rule"), cases("noPrefix"))
def test_numbers_with_an_international_prefix_are_refused(name: str, path: str, rule: dict[str, Any]) -> None:
    for prefix in rule["noPrefix"]:
        assert names(given(whole(name), path, f"{prefix}4477009000")) == [shown(path)]


@pytest.mark.parametrize(("name", "path", "rule"), cases("maxItems"))
def test_the_longest_list_is_accepted_and_one_more_is_refused(name: str, path: str, rule: dict[str, Any]) -> None:
    holder, last = parent(whole(name), path)
    item = holder[last][0]
    assert names(given(whole(name), path, [item] * rule["maxItems"])) == []
    assert names(given(whole(name), path, [item] * (rule["maxItems"] + 1))) == [shown(path)]


@pytest.mark.each(("name", "path", "rule"), typed("array"))
def test_a_list_that_is_too_short_is_refused(name: str, path: str, rule: dict[str, Any]) -> None:
    holder, last = parent(whole(name), path)
    item = holder[last][0]
    least = rule.get("minItems", 1)
    assert names(given(whole(name), path, [item] * least)) == []
    assert names(given(whole(name), path, [item] * (least - 1))) == [shown(path)]


WRONG_VALUES: dict[str, list[Any]] = {
    "string": [1, True, None, ["a"], {"a": 1}],
    "integer": [600.0, "600", True, None, [600]],
    "boolean": [0, 1, "true", None],
    "object": ["a", 1, None, [], [{}]],
    "array": ["a", {"0": "a"}, None, 1],
}


@pytest.mark.each(("name", "path", "rule"), list(fields()))
def test_a_value_of_another_type_is_refused(name: str, path: str, rule: dict[str, Any]) -> None:
    for wrong in WRONG_VALUES[rule["type"]]:
        assert shown(path) in names(given(whole(name), path, wrong))


@pytest.mark.each(("name", "path", "rule"), typed("object"))
def test_an_unknown_field_is_refused_unless_the_object_is_free(name: str, path: str, rule: dict[str, Any]) -> None:
    message = whole(name)
    holder, last = parent(message, path)
    holder[last]["surprise"] = {"deep": [1]}
    free = rule.get("additionalProperties") or (name, path) == ("whatsapp.template", "template")
    assert names(message) == ([] if free else [f"{shown(path)}.surprise"])


@pytest.mark.each("name", sorted(BODIES))
def test_an_unknown_field_at_the_top_is_refused(name: str) -> None:
    assert names(whole(name) | {"surprise": 1}) == ["surprise"]


SUGGESTION_FIELDS = [
    pytest.param(kind, path, rule, id=f"{kind}-{path}")
    for kind, entry in TABLE["suggestions"].items()
    for path, rule in entry["fields"].items()
    if path != "type"
]


def suggesting(suggestion: dict[str, Any]) -> list[str]:
    return names(given(whole("rcs.text"), "suggestions", [suggestion]))


def test_the_rules_know_all_seven_suggestions() -> None:
    assert set(v1_rules().suggestions) == set(SUGGESTIONS)


@pytest.mark.each(("kind", "path", "rule"), SUGGESTION_FIELDS)
def test_a_suggestion_needs_its_required_fields_only(kind: str, path: str, rule: dict[str, Any]) -> None:
    rest = {name: value for name, value in SUGGESTIONS[kind].items() if name != path}
    required = path in TABLE["suggestions"][kind]["required"]
    assert suggesting(SUGGESTIONS[kind]) == []
    assert suggesting(rest) == ([f"suggestions[0].{path}"] if required else []), rule


SUGGESTION_TEXTS = [
    pytest.param(kind, path, rule, id=f"{kind}-{path}")
    for kind, entry in TABLE["suggestions"].items()
    for path, rule in entry["fields"].items()
    if "maxLength" in rule
]


@pytest.mark.each(("kind", "path", "rule"), SUGGESTION_TEXTS)
def test_texts_of_a_suggestion_have_their_bounds(kind: str, path: str, rule: dict[str, Any]) -> None:
    whole_suggestion = SUGGESTIONS[kind]
    assert suggesting(whole_suggestion | {path: "a" * rule["maxLength"]}) == []
    assert suggesting(whole_suggestion | {path: "a"}) == []
    assert suggesting(whole_suggestion | {path: "a" * (rule["maxLength"] + 1)}) == [f"suggestions[0].{path}"]
    assert suggesting(whole_suggestion | {path: ""}) == [f"suggestions[0].{path}"]


def test_only_whatsapp_and_rcs_have_updates() -> None:
    assert set(v1_rules().updates) == {"whatsapp", "rcs"}


@pytest.mark.each(
    ("channel", "body", "wrong"),
    [
        ("whatsapp", {"status": "read"}, []),
        ("whatsapp", {"status": "read", "replying_indicator": {"show": True, "type": "text"}}, []),
        ("whatsapp", {"status": "revoked"}, ["status"]),
        ("whatsapp", {}, ["status"]),
        ("whatsapp", {"replying_indicator": {"show": True, "type": "text"}}, ["status"]),
        ("whatsapp", {"status": "read", "replying_indicator": {}}, ["show", "type"]),
        ("whatsapp", {"status": "read", "replying_indicator": {"show": "true", "type": "text"}}, ["show"]),
        ("whatsapp", {"status": "read", "replying_indicator": {"show": True, "type": "audio"}}, ["type"]),
        ("rcs", {"status": "read"}, []),
        ("rcs", {"status": "revoked"}, []),
        ("rcs", {"status": "read", "replying_indicator": {"show": True, "type": "text"}}, ["replying_indicator"]),
        ("rcs", {"status": "seen"}, ["status"]),
    ],
)
def test_updates_follow_their_channel(channel: str, body: dict[str, Any], wrong: list[str]) -> None:
    found = [problem.name.removeprefix("replying_indicator.") for problem in validate_update(channel, body)]
    assert found == wrong


def test_v0_1_knows_exactly_the_documented_pairs() -> None:
    documented = {
        "sms": {"text"},
        "mms": {"image"},
        "whatsapp": {"text", "image", "video", "audio", "file", "template", "custom"},
        "messenger": {"text", "image", "video", "audio", "file", "custom"},
        "viber_service_msg": {"text", "image", "template"},
    }
    rules = v0_1_rules()
    assert {channel: set(rules.message_types(channel)) for channel in rules.channels} == documented


def v0_1(channel: str, content: dict[str, Any], **options: Any) -> dict[str, Any]:
    recipient = {"type": channel, "id": "123"} if channel == "messenger" else {"type": channel, "number": TO}
    named = channel in ("messenger", "viber_service_msg")
    sender = {"type": channel, "id": "456"} if named else {"type": channel, "number": FROM}
    return {"to": recipient, "from": sender, "message": {"content": content, **options}}


V0_1_CONTENT: dict[str, dict[str, Any]] = {
    "sms.text": {"type": "text", "text": "Hello"},
    "mms.image": {"type": "image", "image": url("jpg")},
    "whatsapp.text": {"type": "text", "text": "Hello"},
    "whatsapp.image": {"type": "image", "image": captioned("jpg")},
    "whatsapp.video": {"type": "video", "video": url("mp4")},
    "whatsapp.audio": {"type": "audio", "audio": url("mp3")},
    "whatsapp.file": {"type": "file", "file": captioned("pdf")},
    "whatsapp.custom": {"type": "custom", "custom": {"type": "contacts"}},
    "messenger.text": {"type": "text", "text": "Hello"},
    "messenger.image": {"type": "image", "image": url("jpg")},
    "messenger.video": {"type": "video", "video": url("mp4")},
    "messenger.audio": {"type": "audio", "audio": url("mp3")},
    "messenger.file": {"type": "file", "file": url("zip")},
    "messenger.custom": {"type": "custom", "custom": {"attachment": {}}},
    "viber_service_msg.text": {"type": "text", "text": "Hello"},
    "viber_service_msg.image": {"type": "image", "image": url("jpg")},
    "viber_service_msg.template": {"type": "template", "template": {"name": "verify", "parameters": ["1"]}},
}


@pytest.mark.each("name", sorted(V0_1_CONTENT))
def test_every_documented_v0_1_message_is_accepted(name: str) -> None:
    channel = name.partition(".")[0]
    assert validate_v0_1(v0_1(channel, V0_1_CONTENT[name]) | {"client_ref": "r" * 40}) == []


@pytest.mark.each("name", sorted(V0_1_CONTENT))
def test_v0_1_content_is_required(name: str) -> None:
    channel, _, kind = name.partition(".")
    problems = validate_v0_1(v0_1(channel, {"type": kind}))
    assert [problem.name for problem in problems] == [f"message.content.{kind}"]


@pytest.mark.each(
    ("payload", "wrong"),
    [
        (v0_1("sms", {"type": "text", "text": "a" * 1000}), []),
        (v0_1("sms", {"type": "text", "text": "a" * 1001}), ["message.content.text"]),
        (v0_1("sms", {"type": "text", "text": ""}), ["message.content.text"]),
        (v0_1("whatsapp", {"type": "text", "text": "a" * 4096}), []),
        (v0_1("whatsapp", {"type": "text", "text": "a" * 4097}), ["message.content.text"]),
        (v0_1("viber_service_msg", {"type": "text", "text": "a" * 1000}), []),
        (v0_1("viber_service_msg", {"type": "text", "text": "a" * 1001}), ["message.content.text"]),
        (v0_1("messenger", {"type": "text", "text": "a" * 5000}), []),
        (v0_1("sms", V0_1_CONTENT["sms.text"]) | {"client_ref": "r" * 41}, ["client_ref"]),
        (v0_1("mms", {"type": "image", "image": captioned("jpg")}), ["message.content.image.caption"]),
        (v0_1("mms", {"type": "image", "image": url("bmp")}), ["message.content.image.url"]),
        (v0_1("sms", V0_1_CONTENT["sms.text"], sms={}), ["message.sms"]),
        (
            v0_1("whatsapp", {"type": "template", "template": {"name": "n"}}, whatsapp={"locale": "en_GB"}),
            [],
        ),
        (v0_1("whatsapp", {"type": "template", "template": {"name": "n"}}, whatsapp={}), ["message.whatsapp.locale"]),
        (v0_1("whatsapp", {"type": "template", "template": {"name": "n"}}), ["message.whatsapp"]),
        (
            v0_1("whatsapp", V0_1_CONTENT["whatsapp.text"], whatsapp={"policy": "fallback"}),
            ["message.whatsapp.policy"],
        ),
        (
            v0_1("messenger", V0_1_CONTENT["messenger.text"], messenger={"category": "message_tag"}),
            ["message.messenger.tag"],
        ),
        (v0_1("viber_service_msg", V0_1_CONTENT["viber_service_msg.text"], viber_service_msg={"ttl": 30}), []),
        (
            v0_1("viber_service_msg", V0_1_CONTENT["viber_service_msg.text"], viber_service_msg={"ttl": 29}),
            ["message.viber_service_msg.ttl"],
        ),
        (v0_1("sms", {"type": "image", "image": url("jpg")}), ["message.content.type"]),
        (v0_1("rcs", {"type": "text", "text": "a"}), ["to.type"]),
        (v0_1("sms", V0_1_CONTENT["sms.text"]) | {"from": {"type": "mms", "number": FROM}}, ["from.type"]),
        (v0_1("sms", V0_1_CONTENT["sms.text"]) | {"from": {"type": "sms", "id": "1"}}, ["from.number", "from.id"]),
        (v0_1("sms", V0_1_CONTENT["sms.text"]) | {"to": TO}, ["to.type"]),
        (v0_1("sms", V0_1_CONTENT["sms.text"]) | {"failover": []}, ["failover"]),
        ({}, ["to.type"]),
    ],
)
def test_v0_1_bounds_hold_on_both_sides(payload: dict[str, Any], wrong: list[str]) -> None:
    assert [problem.name for problem in validate_v0_1(payload)] == wrong
