from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.simulator.body import InvalidBodyError, decode_object


@pytest.mark.each(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"5",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": -1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": ' + b"9" * 10_000 + b"}",
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"a": ' + b'{"a": ' * 5_000 + b"1" + b"}" * 5_001,
        b'{"a": "\x00"}',
    ],
)
def test_what_is_not_one_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBodyError, match=r"\.$"):
        decode_object(body)


def nested(levels: int) -> bytes:
    return b'{"a": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_a_hundred_levels_are_read_and_no_more() -> None:
    assert list(decode_object(nested(100))) == ["a"]
    with pytest.raises(InvalidBodyError, match="100 levels"):
        decode_object(nested(101))


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert decode_object(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


def test_an_error_says_where_and_not_what() -> None:
    with pytest.raises(InvalidBodyError) as caught:
        decode_object(b'{"text": "the secret" "to"}')
    assert "line 1, column 23" in str(caught.value)
    assert "secret" not in str(caught.value)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.booleans())))
def test_every_json_object_comes_back_equal(value: dict[str, Any]) -> None:
    assert decode_object(json.dumps(value).encode()) == value


@given(st.binary())
def test_arbitrary_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = decode_object(body)
    except InvalidBodyError:
        return
    assert isinstance(value, dict)
