"""Whichever encoder is installed, the bytes are the same."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import to_json
from vonage_messages.wire import payloads as payloads_module


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
