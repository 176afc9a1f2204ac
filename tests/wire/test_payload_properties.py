"""Random payloads: nothing is lost there and back, and arbitrary JSON is read or refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vonage_messages import InvalidMessageError, Message, from_payload, to_json, to_payload
from vonage_messages.wire.payloads import ApiVersion

from .wire_samples import REQUESTS, VERSIONS, nodes, read, texts_in

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
