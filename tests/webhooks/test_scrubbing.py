"""Samples of callbacks that nobody can be known by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.webhooks import parse_webhook
from vonage_messages.webhooks.decoding import MAXIMUM_DEPTH
from vonage_messages.webhooks.scrubbing import Scrubber
from vonage_messages.webhooks.surprises import surprises

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("v*/webhooks/*.json"))

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def scrubbed(value: Any) -> Any:
    return Scrubber().scrub({"it": value})["it"]


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


def strings(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {text for item in value.values() for text in strings(item)}
    if isinstance(value, list):
        return {text for item in value for text in strings(item)}
    return {value} if isinstance(value, str) else set()


@pytest.mark.each(
    ("value", "stand_in"),
    [
        ("447700900123", "447700900000"),
        ("+447700900123", "+447700900000"),
        ("00447700900123", "00447700900000"),
        ("2B5A0E3C-9D3E-4B4F-8C1D-0A1B2C3D4E5F", "aaaaaaaa-bbbb-4ccc-8ddd-000000000001"),
        ("GB.13491208655302741918", "GB.00000000000000000001"),
        ("https://media.example.net/u/ada?key=1", "https://example.com/1"),
        ("https://media.example.net/u/ada.jpg?key=1", "https://example.com/1.jpg"),
        ("ada@example.net", "person1@example.com"),
        ("Ada", "text 1"),
        ("1234", "text 1"),
        ("-0.127758", "1.5"),
        ("", ""),
        (447700900123, 1),
        (51.5, 1.5),
        (True, True),
        (None, None),
    ],
)
def test_stand_in_has_the_form_of_what_it_stands_for(value: Any, stand_in: Any) -> None:
    assert scrubbed(value) == stand_in
    assert type(scrubbed(value)) is type(stand_in)


def test_same_value_has_the_same_stand_in_in_every_sample() -> None:
    scrubber = Scrubber()
    first = scrubber.scrub({"to": "447700900123", "from": "447700900124", "text": "Ada"})
    second = scrubber.scrub({"from": "447700900123", "name": "Ada", "to": "447700900125"})
    assert (first["to"], first["text"]) == (second["from"], second["name"])
    assert len({first["to"], first["from"], second["to"]}) == 3


def test_words_of_the_api_stay_and_only_where_they_belong() -> None:
    payload = {
        "channel": "whatsapp",
        "status": "relayed",
        "usage": {"currency": "EUR", "price": "0.0333"},
        "whatsapp": {"pricing": {"category": "utility", "type": "Ada"}, "channel": "whatsapp"},
        "mood": {"status": "merry"},
    }
    assert Scrubber().scrub(payload) == {
        "channel": "whatsapp",
        "status": "relayed",
        "usage": {"currency": "EUR", "price": "0.0333"},
        "whatsapp": {"pricing": {"category": "utility", "type": "Ada"}, "channel": "text 1"},
        "mood": {"status": "text 2"},
    }


@pytest.mark.each(
    "value",
    ["447700900123", "call 447700900123", "ada@example.com", "gr\u00fc\u00df", "x" * 101, 447700900123, ["Ada"]],
)
def test_what_is_no_word_does_not_stay_where_one_belongs(value: Any) -> None:
    assert Scrubber().scrub({"status": value})["status"] != value


def test_keys_that_name_a_person_are_replaced_and_stay_apart() -> None:
    found = Scrubber().scrub({"447700900123": 1, "ada@example.com": 2, "a b": 3, "mood": 4, "": 5})
    assert list(found) == [
        "(447700900000, member 1)",
        "(person1@example.com, member 2)",
        "(text 1, member 3)",
        "mood",
        "(, member 5)",
    ]


def test_flood_of_values_fills_no_memory() -> None:
    scrubber = Scrubber()
    for number in range(12_000):
        last = scrubber.scrub({"to": str(447700000000 + number), "text": f"t{number}"})
    assert last == {"to": "447700900999", "text": "text 10000"}
    assert sum(map(len, scrubber._stand_ins.values())) == 2 * 9_999


@pytest.mark.each("path", SAMPLES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_sample_of_a_sample_is_read_as_the_same_kind_of_event(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    again = parse_webhook(json.dumps(Scrubber().scrub(event.raw)))
    assert type(again) is type(event)
    assert (again.channel, again.version) == (event.channel, event.version)
    assert type(getattr(again, "content", None)) is type(getattr(event, "content", None))
    assert surprises(again) == surprises(event)
    hidden = {event.to, event.from_, event.message_uuid, event.client_ref} - {"", None}
    assert strings(again.raw) & hidden <= {"447700900000"}


@given(st.dictionaries(st.text(max_size=12), JSON_VALUES, max_size=5))
def test_anything_keeps_its_shape(payload: dict[str, Any]) -> None:
    found = Scrubber().scrub(payload)
    assert shape(found) == shape(payload)
    json.dumps(found)


def test_what_is_nested_too_deeply_is_cut_off() -> None:
    payload: dict[str, Any] = {}
    for _ in range(MAXIMUM_DEPTH * 20):
        payload = {"a": payload}
    depth, found = 0, Scrubber().scrub(payload)
    while found:
        depth, found = depth + 1, found["a"]
    assert depth == MAXIMUM_DEPTH
