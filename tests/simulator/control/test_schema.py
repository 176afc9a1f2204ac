"""The part of JSON Schema that is used, and that nothing else is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from vonage_messages.simulator import Delivery, FaultKind, journal
from vonage_messages.simulator.control.schema import INFORMING_KEYWORDS, KNOWN_KEYWORDS, document, mistakes, resolved
from vonage_messages.simulator.habits import CHANNELS

TAKEN_IN = ("Wait", "Inbound", "Fault", "Failure", "Habit", "SettingsChange", "Advance", "Confirmation")


def below(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    schema = resolved(schema)
    yield schema
    for member in schema.get("properties", {}).values():
        yield from below(member)
    if "items" in schema:
        yield from below(schema["items"])


@pytest.mark.parametrize("name", TAKEN_IN)
def test_every_keyword_of_what_is_taken_in_is_known(name: str) -> None:
    for schema in below({"$ref": f"#/components/schemas/{name}"}):
        assert set(schema) <= KNOWN_KEYWORDS | INFORMING_KEYWORDS


def test_every_operation_takes_in_only_what_was_looked_at() -> None:
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for operations in document()["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
    ]
    names = {schema["$ref"].rpartition("/")[2] for schema in bodies if "$ref" in schema}
    assert names == set(TAKEN_IN)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 700) | st.floats(allow_nan=False, width=16) | st.text(max_size=6),
    lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=2) | st.lists(inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data(), name=st.sampled_from(TAKEN_IN))
def test_it_agrees_with_a_checker_made_elsewhere(data: st.DataObject, name: str) -> None:
    schema = resolved({"$ref": f"#/components/schemas/{name}"})
    usual = st.sampled_from(
        ["throttle", "sms", "v1", "rejected", "status_url", "10.50", "x\n", 600, 1.0, 0, -1, True, [{"text": "YES"}]]
    )
    names = st.sampled_from([*schema["properties"], "unknown"])
    value = data.draw(st.dictionaries(names, usual | VALUES, max_size=5))
    other = jsonschema_rs.Draft202012Validator({**schema, "components": document()["components"]})
    # In JSON Schema 1.0 is a whole number, and ``$`` of Python's patterns may stand before a line feed: not here.
    if any(isinstance(each, float) and each.is_integer() for each in value.values()) or "\n" in str(value.values()):
        return
    if not other.is_valid(value):
        assert mistakes(value, schema)
    else:
        assert mistakes(value, schema) == []


def test_mistakes_are_counted_up_to_a_hundred() -> None:
    schema = resolved({"$ref": "#/components/schemas/Fault"})
    assert len(mistakes({f"x{number}": 1 for number in range(500)}, schema)) == 100


def test_a_mistake_never_repeats_a_value() -> None:
    schema = resolved({"$ref": "#/components/schemas/Inbound"})
    found = mistakes({"channel": "secret", "from": 447700900000, "media": {"content_base64": "secret!"}}, schema)
    assert {each.name for each in found} == {"channel", "from", "media.content_base64"}
    assert "secret" not in str([each.reason for each in found])


def test_the_document_is_one() -> None:
    validate(dict(document()))  # type: ignore[arg-type]


def test_the_kinds_of_the_document_are_those_of_the_simulator() -> None:
    listed = document()["components"]["schemas"]
    assert listed["FaultKind"]["enum"] == list(FaultKind)
    assert set(listed["Habit"]["properties"]["channel"]["enum"]) == CHANNELS
    assert set(listed["Delivery"]["properties"]) == {field.name for field in attrs.fields(Delivery)}
    kinds = {value for name, value in vars(journal).items() if name.isupper() and isinstance(value, str)}
    assert set(listed["Event"]["properties"]["kind"]["enum"]) == kinds
