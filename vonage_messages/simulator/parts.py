"""
How many parts an SMS is sent in, by its alphabet. Pure.

Transcribed anew from the tables, and not shared with ``vonage_messages.segmentation``: where the two agree, they do so
because both are right.

Reference: limits, section 8 (SMS segmentation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ONE_SEPTET: Final = frozenset(
    _LETTERS + "0123456789@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà"
)
_TWO_SEPTETS: Final = frozenset("^{}\\[]~|€\f")
_GSM = (160, 153)
_UCS_2 = (70, 67)
"""What fits into a single message, and into each part of several: septets, and UTF-16 code units."""
_BEYOND_ONE_UNIT = 0xFFFF


def sms_parts(text: str, encoding_type: str = "auto") -> int:
    """
    Count the parts of an SMS. *encoding_type* is the ``sms.encoding_type`` of the message: ``text`` forces GSM-7.

    A character of two units is not split over two parts.
    """
    if _is_gsm(text) if encoding_type == "auto" else encoding_type == "text":
        # Where GSM-7 is forced, a character that it lacks is sent as another one.
        return _count((2 if character in _TWO_SEPTETS else 1 for character in text), *_GSM)
    return _count((2 if ord(character) > _BEYOND_ONE_UNIT else 1 for character in text), *_UCS_2)


def parts_of(payload: Mapping[str, Any]) -> int:
    """Count the parts that a message of either version is charged for: 1 for whatever is no SMS of v1 or v0.1."""
    if payload.get("channel") == "sms":
        options = payload.get("sms")
        encoding = options.get("encoding_type", "auto") if isinstance(options, dict) else "auto"
        return sms_parts(payload["text"], encoding)
    to = payload.get("to")
    if isinstance(to, dict) and to.get("type") == "sms":
        return sms_parts(payload["message"]["content"]["text"])
    return 1


def _is_gsm(text: str) -> bool:
    return all(character in _ONE_SEPTET or character in _TWO_SEPTETS for character in text)


def _count(units: Iterator[int], single: int, each: int) -> int:
    total = parts = filled = 0
    for unit in units:
        total += unit
        filled += unit
        if filled > each:
            parts, filled = parts + 1, unit
    return 1 if total <= single else parts + 1
