"""What the message classes say about the types of their fields."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages.bulk.field_types import fitted, type_at, with_implied_type
from vonage_messages.wire.v1 import SHAPES


@pytest.mark.each(
    ("path", "expected"),
    [
        ("text", str),
        ("from", str),
        ("ttl", int),
        ("viber_service.ttl", int),
        ("trusted_recipient", bool),
        ("image.url", str),
        ("template.parameters[3]", str),
        ("carousel.cards[0].media_force_refresh", bool),
        ("failover[1].ttl", int),
        ("failover[0].image.caption", str),
        ("custom", None),
        ("custom.ttl", None),
        ("template.components[0].index", None),
        ("nowhere", None),
    ],
)
def test_type_of_a_field_is_that_of_its_class(path: str, expected: type | None) -> None:
    assert type_at(path) is expected


@pytest.mark.each("cls", SHAPES, ids=lambda cls: cls.__name__)
def test_every_message_class_has_its_recipient_in_the_table(cls: type) -> None:
    assert type_at("to") is str
    assert type_at(SHAPES[cls].body) in {str, None}


@pytest.mark.each(
    ("value", "wanted", "expected"),
    [
        ("60", int, 60),
        (" +60 ", int, 60),
        ("-5", int, -5),
        (60, int, 60),
        ("6.5", int, "6.5"),
        ("sixty", int, "sixty"),
        ("٦", int, "٦"),
        ("9" * 19, int, "9" * 19),
        ("true", bool, True),
        (" FALSE ", bool, False),
        (False, bool, False),
        ("1", bool, "1"),
        ("yes", bool, "yes"),
        (447700900000, str, "447700900000"),
        (1.5, str, "1.5"),
        (True, str, "true"),
        ("x", str, "x"),
        ({"a": 1}, str, {"a": 1}),
        ("60", None, "60"),
        (60, None, 60),
    ],
)
def test_value_becomes_what_its_field_is_made_of(value: object, wanted: type | None, expected: object) -> None:
    found = fitted(value, wanted)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"channel": "sms", "text": "x"}, "text"),
        ({"channel": "whatsapp", "image": {}}, "image"),
        ({"channel": "whatsapp", "image": {}, "message_type": "text"}, "text"),
        ({"channel": "whatsapp", "image": {}, "text": "x"}, None),
        ({"channel": "whatsapp"}, None),
        ({"channel": "fax", "text": "x"}, None),
        ({"channel": ["sms"], "text": "x"}, None),
        ({"text": "x"}, None),
    ],
)
def test_type_is_implied_where_the_content_leaves_no_choice(payload: dict[str, Any], expected: str | None) -> None:
    assert with_implied_type(payload).get("message_type") == expected


def test_type_is_implied_for_failover_items_too() -> None:
    payload = {"channel": "whatsapp", "text": "x", "failover": [{"channel": "sms", "text": "y"}, "no item"]}
    assert with_implied_type(payload)["failover"] == [
        {"channel": "sms", "text": "y", "message_type": "text"},
        "no item",
    ]
