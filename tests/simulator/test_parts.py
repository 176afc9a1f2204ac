"""How many parts an SMS has, counted anew from the table, and compared with the count that clients make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.segmentation import segments
from vonage_messages.simulator.parts import parts_of, sms_parts


@pytest.mark.each(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 153, 3),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("\U0001f600" * 35, 1),
        ("\U0001f600" * 36, 2),
        ("\U0001f600" * 67, 3),
        ("", 1),
    ],
)
def test_parts_follow_from_the_alphabet(text: str, parts: int) -> None:
    assert sms_parts(text) == parts


def test_alphabet_may_be_forced() -> None:
    assert sms_parts("a" * 160, "unicode") == 3
    assert sms_parts("ç" * 160, "text") == 1


@given(st.text(st.sampled_from("aZ09 €^{}\\[]~|ç\n\r\f@£éàÇ\U0001f600Ω'"), max_size=700))
def test_client_counts_the_same(text: str) -> None:
    assert sms_parts(text) == max(1, segments(text).count)


def test_only_an_sms_has_parts() -> None:
    text = "a" * 200
    assert parts_of({"channel": "sms", "text": text}) == 2
    assert parts_of({"channel": "sms", "text": text, "sms": {"encoding_type": "unicode"}}) == 3
    assert parts_of({"channel": "rcs", "text": text}) == 1
    v0_1 = {"to": {"type": "sms", "number": "1"}, "message": {"content": {"type": "text", "text": text}}}
    assert parts_of(v0_1) == 2
    assert parts_of(v0_1 | {"to": {"type": "whatsapp", "number": "1"}}) == 1
