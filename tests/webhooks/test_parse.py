from __future__ import annotations

import copy
import importlib.util
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonage_messages import webhooks
from vonage_messages.errors import MalformedWebhookError
from vonage_messages.webhooks import (
    InboundMessage,
    MessageStatus,
    Text,
    Unknown,
    parse_inbound,
    parse_status,
    parse_webhook,
)
from vonage_messages.webhooks import decoding as decoding_module
from vonage_messages.webhooks.decoding import MAXIMUM_DEPTH, asking_first, decode_object
from vonage_messages.webhooks.parse import converter

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "tests" / "samples").glob("v*/webhooks/*.json"))
SAMPLE_NAMES = [f"{path.parts[-3]}-{path.stem}" for path in SAMPLES]
SHOWN_AS_UNKNOWN = {
    "inbound-known-type-unreadable": {"image"},
    "inbound-unknown-channel": {"loft"},
    "inbound-unknown-type": {"hologram"},
    "status-unknown-word": {"relay"},
}
"""The samples that hold something unknown, and what: nothing may be unknown in any other."""

INBOUND: dict[str, Any] = {
    "channel": "sms",
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "447700900321",
    "from": "447700900654",
    "timestamp": "2026-03-14T09:26:53Z",
    "message_type": "text",
    "text": "Is the ferry late?",
}
STATUS: dict[str, Any] = {**{key: INBOUND[key] for key in ("channel", "message_uuid", "to", "from")}, "status": "read"}


def as_bytes(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass")


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    return (opening * (levels - 1) + "{}" + closing * (levels - 1)).encode()


def unknown_parts(value: object) -> dict[str, Any]:
    """Gather everything that an event and the objects in it keep in ``extra``."""
    found: dict[str, Any] = {}
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, tuple):
            rest += item
        elif attrs.has(type(item)):
            found |= dict(getattr(item, "extra", {}))
            names = [name for name in dir(type(item)) if not name.startswith("_") and name not in {"raw", "extra"}]
            rest += [getattr(item, name) for name in names if not callable(getattr(item, name))]
    return found


@pytest.mark.each("path", SAMPLES, ids=SAMPLE_NAMES)
def test_sample_is_read_with_nothing_unknown_but_what_it_shows(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    assert set(unknown_parts(event)) == SHOWN_AS_UNKNOWN.get(path.stem, set())


@pytest.mark.each("path", SAMPLES, ids=SAMPLE_NAMES)
def test_raw_of_a_sample_is_its_payload(path: Path) -> None:
    assert parse_webhook(path.read_bytes()).raw == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.each("path", SAMPLES, ids=SAMPLE_NAMES)
def test_envelope_of_a_sample_is_complete(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    assert event.version == path.parts[-3]
    assert all((event.message_uuid, event.channel, event.to, event.from_))
    assert event.timestamp is not None
    assert event.timestamp.utcoffset() is not None


@pytest.mark.each("path", SAMPLES, ids=SAMPLE_NAMES)
def test_sample_tells_which_of_the_two_it_is(path: Path) -> None:
    expected = MessageStatus if path.stem.startswith("status-") else InboundMessage
    assert type(parse_webhook(path.read_bytes())) is expected


@pytest.mark.each("path", SAMPLES, ids=SAMPLE_NAMES)
def test_sample_survives_pickling_and_copying(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    pickled = pickle.loads(pickle.dumps(event))  # noqa: S301  made right here
    for duplicate in (pickled, copy.copy(event), copy.deepcopy(event), attrs.evolve(event)):
        assert duplicate == event
        assert (duplicate.timestamp, duplicate.extra, hash(duplicate)) == (event.timestamp, event.extra, hash(event))


@pytest.mark.each("path", SAMPLES, ids=SAMPLE_NAMES)
def test_repr_of_a_sample_shows_no_text_no_name_and_no_number(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    names = [
        name for name in dir(type(event)) if not name.startswith("_") and name not in {"raw", "extra", "to", "from_"}
    ]
    shown = repr(event) + "".join(
        repr(value) for name in names if attrs.has(type(value := getattr(event, name))) or isinstance(value, tuple)
    )
    secrets = (
        "447700900",
        "12015550",
        "ferry",
        "Inês",
        "ines.",
        "media.example.com",
        "Lobo",
        "Dover",
        "70214488610335",
    )
    assert [secret for secret in secrets if secret in shown] == []


def test_every_sample_has_a_row_with_its_source() -> None:
    text = (ROOT / "tests" / "samples" / "v1" / "webhooks" / "SOURCES.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert listed == {path.relative_to(ROOT / "tests" / "samples").as_posix() for path in SAMPLES}


class Body(str):
    """A text of a class of its own."""

    __slots__ = ()


@pytest.mark.parametrize(
    "shape",
    [
        as_bytes,
        json.dumps,
        dict,
        MappingProxyType,
        lambda payload: bytearray(as_bytes(payload)),
        lambda payload: Body(json.dumps(payload)),
    ],
)
def test_bytes_text_and_mappings_give_equal_events(shape: Callable[[Any], Any]) -> None:
    assert parse_inbound(shape(INBOUND)) == parse_inbound(as_bytes(INBOUND))
    assert parse_status(shape(STATUS)) == parse_status(as_bytes(STATUS))


def test_type_may_be_a_text_of_a_class_of_its_own() -> None:
    assert parse_inbound({**INBOUND, "message_type": Body("text")}) == parse_inbound(INBOUND)


def test_events_of_different_payloads_differ() -> None:
    assert parse_inbound(INBOUND) != parse_inbound({**INBOUND, "text": "no"})
    assert parse_status(STATUS) != parse_status({**STATUS, "client_ref": "another"})


def test_mapping_may_gain_members_afterwards_without_changing_the_event() -> None:
    payload = dict(INBOUND)
    event = parse_inbound(payload)
    payload["added"] = 1
    assert event.raw == INBOUND
    assert event.extra == {}


def test_event_cannot_be_changed() -> None:
    event = parse_inbound(INBOUND)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.channel = "rcs"  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.timestamp = None  # type: ignore[misc]


@pytest.mark.each(
    "body",
    [
        b"", b" ", b"null", b"true", b"1", b'"text"', b"[]", b"[{}]", b"{", b"{}}", b"{} {}", b"{'a': 1}", b'{"a": 01}',
        b'{"a": "\x01"}', b'{"a": 1,}', b"\xff\xfe{}",
        '{"a":1}'.encode("utf-16"), b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}',
        "", "null", "[]", "{", None, 5, [], Ellipsis,
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.each("parse", [parse_inbound, parse_status, parse_webhook])
def test_body_that_is_no_json_object_is_malformed(parse: Callable[[Any], object], body: Any) -> None:
    with pytest.raises(MalformedWebhookError):
        parse(body)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_know_are_malformed(constant: str) -> None:
    with pytest.raises(MalformedWebhookError, match="number"):
        parse_webhook(f'{{"status": {constant}}}'.encode())


def test_integer_of_5000_digits_is_malformed() -> None:
    with pytest.raises(MalformedWebhookError, match="number"):
        parse_webhook(b'{"channel": "sms", "count": ' + b"7" * 5000 + b"}")


def test_number_too_large_for_a_float_is_a_value() -> None:
    assert parse_webhook(b'{"channel": "sms", "size": 1e999}').extra == {"size": float("inf")}


@pytest.mark.parametrize("opening", ["{", "[", '{"a":', '{"channel":["sms",', '{"a":[{"b":'])
def test_body_100_000_levels_deep_is_malformed(opening: str) -> None:
    with pytest.raises(MalformedWebhookError):
        parse_webhook((opening * 100_000).encode())
    with pytest.raises(MalformedWebhookError):
        parse_webhook(nested(100_000))


def test_body_deeper_than_the_limit_is_malformed() -> None:
    assert parse_webhook(nested(MAXIMUM_DEPTH)).raw
    for body in (
        nested(MAXIMUM_DEPTH + 1),
        nested(MAXIMUM_DEPTH + 1, '{"":').decode(),
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
    ):
        with pytest.raises(MalformedWebhookError, match="deep"):
            parse_webhook(body)


def test_body_of_many_objects_that_are_not_deep_is_a_value() -> None:
    assert len(parse_webhook(as_bytes({"content": [{"a": [1]}] * 5000})).raw["content"]) == 5000


def test_of_a_key_that_stands_twice_the_last_one_counts() -> None:
    event = parse_webhook(b'{"channel": "sms", "status": "read", "status": "rejected"}')
    assert isinstance(event, MessageStatus)
    assert event.status == "rejected"


def test_lone_surrogate_is_a_value() -> None:
    event = parse_inbound(b'{"channel": "sms", "message_type": "text", "text": "a\\ud800b"}')
    assert event.content == Text(text="a\ud800b")
    copied = pickle.loads(pickle.dumps(event))  # noqa: S301  made right here
    assert copied == event


def test_byte_order_mark_and_space_around_are_accepted() -> None:
    body = as_bytes(INBOUND)
    for around in (b"\xef\xbb\xbf" + body, b" \r\n\t" + body + b"\n "):
        assert parse_webhook(around) == parse_webhook(body)


def test_error_of_a_malformed_body_shows_nothing_of_it() -> None:
    with pytest.raises(MalformedWebhookError) as caught:
        parse_webhook(as_bytes(INBOUND)[:-1] + b", oops")
    assert "ferry" not in str(caught.value)
    assert "4477" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("payload", "version"),
    [
        ({}, "v1"),
        ({"channel": "sms", "to": {"type": "sms", "number": "1"}}, "v1"),
        ({"channel": None, "to": {"type": "sms", "number": "1"}}, "v0.1"),
        ({"to": {"type": "sms", "number": "1"}}, "v0.1"),
        ({"from": {"type": "sms", "number": "1"}}, "v0.1"),
        ({"message": {"content": {}}}, "v0.1"),
        ({"message": {}}, "v1"),
        ({"to": "1", "from": "2"}, "v1"),
    ],
)
def test_version_is_told_by_the_payload(payload: dict[str, Any], version: str) -> None:
    assert parse_webhook(payload).version == version


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (STATUS, MessageStatus),
        ({"status": 5}, MessageStatus),
        (INBOUND, InboundMessage),
        ({**INBOUND, "status": "read"}, InboundMessage),
        ({"status": "read", "message": {"content": {}}}, InboundMessage),
        ({key: value for key, value in INBOUND.items() if key != "message_type"}, InboundMessage),
        ({}, InboundMessage),
    ],
)
def test_which_of_the_two_it_is_is_told_by_the_payload(payload: dict[str, Any], expected: type[object]) -> None:
    assert type(parse_webhook(payload)) is expected


def test_status_read_as_inbound_message_keeps_everything() -> None:
    event = parse_inbound(STATUS)
    assert (event.message_type, event.content, event.extra) == ("", Unknown(), {"status": "read"})


def test_converter_structures_and_unstructures_events() -> None:
    made = converter()
    for cls, payload in ((InboundMessage, INBOUND), (MessageStatus, STATUS)):
        event = made.structure(payload, cls)
        assert type(event) is cls
        assert made.unstructure(event) == payload


def _decoders() -> list[Callable[[Any], Any]]:
    decoders: list[Callable[[Any], Any]] = [decoding_module._decode_with_json]
    if importlib.util.find_spec("orjson"):
        decoders.append(asking_first(importlib.import_module("orjson").loads))
    return decoders


@pytest.mark.parametrize("decode", _decoders())
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
        (b'{"a": 1e999}', {"a": float("inf")}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": "\ud800"}', {"a": "\ud800"}),
        (b'{"a": NaN}', None),
        (b'{"a": "\xff"}', None),
        (nested(201), None),
        (nested(5000), None),
    ],
)
def test_every_decoder_gives_the_same(
    decode: Callable[[Any], Any], body: Any, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_module, "_decode", decode)
    try:
        found: object = decode_object(body)
    except MalformedWebhookError:
        found = None
    assert found == expected


def test_standard_library_decides_where_the_faster_decoder_refuses() -> None:
    def refuse(_: bytes | str) -> Any:
        raise ValueError

    assert asking_first(refuse)(b'{"a": 1}') == {"a": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = sorted({key for path in SAMPLES for key in json.loads(path.read_text(encoding="utf-8"))})


def ask_everything(event: InboundMessage | MessageStatus) -> None:
    for name in dir(type(event)):
        if not name.startswith("_"):
            getattr(event, name)
    assert repr(event)
    assert attrs.evolve(event) == event


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), JSON, max_size=10))
@settings(max_examples=100, deadline=None)
def test_any_mapping_is_read(payload: dict[str, Any]) -> None:
    for parse in (parse_inbound, parse_status, parse_webhook):
        event = parse(payload)
        assert event.raw == payload
        ask_everything(event)


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=300, deadline=None)
def test_any_value_in_any_place_of_a_sample_is_read(path: Path, data: st.DataObject) -> None:
    payload = json.loads(path.read_text(encoding="utf-8"))
    holder: Any = payload
    for _ in range(6):
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not (isinstance(holder[key], dict | list) and holder[key]) or data.draw(st.booleans()):
            break
        holder = holder[key]
    holder[key] = data.draw(JSON)
    event = parse_webhook(payload)
    assert event.raw == payload
    ask_everything(event)


@given(st.binary(max_size=60) | st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_malformed(body: bytes | str) -> None:
    try:
        ask_everything(parse_webhook(body))
    except MalformedWebhookError:
        return


def _fuzz_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_webhooks", ROOT / "benchmarks" / "fuzz_webhooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mutated_samples_raise_nothing_but_malformed() -> None:
    figures = _fuzz_script().run(20_000, seed=11, seconds=5)
    assert figures["payloads"] >= 1000
    assert figures["refused"] > 0
    assert figures["InboundMessage"] > 0
    assert figures["MessageStatus"] > 0
    assert figures["refused"] + figures["InboundMessage"] + figures["MessageStatus"] == figures["payloads"]


def output_of(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603  ours
    return done.stdout.strip()


def test_parsing_loads_neither_aiohttp_nor_jwt_nor_cryptography() -> None:
    program = (
        "import sys, vonage_messages.webhooks as w\n"
        'w.parse_webhook(b\'{"channel": "sms", "status": "read"}\').extra\n'
        "print(sorted({'aiohttp', 'jwt', 'cryptography', 'cattrs', 'asyncio'} & set(sys.modules)))"
    )
    assert output_of("-c", program) == "[]"


def test_parsing_works_without_assertions() -> None:
    program = (
        "from vonage_messages.webhooks import parse_webhook\n"
        'print(parse_webhook(b\'{"channel": "sms", "status": "read"}\').status)'
    )
    assert output_of("-O", "-c", program) == "read"


def test_every_listed_name_is_there() -> None:
    assert set(webhooks.__all__) <= set(dir(webhooks))
    assert all(getattr(webhooks, name) is not None for name in webhooks.__all__)


def test_name_that_is_not_listed_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = webhooks.Nonsense


def test_lazy_attribute_is_described_on_the_class() -> None:
    assert "UTC" in str(InboundMessage.timestamp.__doc__)


def test_newer_party_of_v0_1_that_is_a_string_is_read() -> None:
    event = parse_status({"to": {"type": "sms", "number": "1"}, "from": "2", "status": "read"})
    assert (event.to, event.from_) == ("1", "2")
