"""
How many parts an SMS is sent in: ``segments(text)``, and what would keep a text in the cheaper encoding.

A part carries 140 bytes and is charged by itself: 160 septets of GSM-7, or 70 UTF-16 code units of UCS-2, where one
single character outside GSM-7 puts the whole text. A text of several parts gives 7 septets (3 code units) of each to
a header. The platform does not document how it splits: ``sms.count_total`` in the status is the truth, this the
estimate. Reference: Messages API v1, section "sms"; 3GPP TS 23.038, section 6.2.1 (the alphabet).

What a part costs is in ``vonage_messages.pricing``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Final

import attrs


class SmsEncoding(StrEnum):
    """The alphabet in which an SMS goes out."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Segments:
    """
    In how many parts a text is sent, and why.

    ``Segments(encoding="GSM-7", count=1, units=5, per_segment=160, remaining=155, forcing_characters=())``
    """

    encoding: SmsEncoding
    count: int
    """How many parts are sent and charged; 0 for an empty text, which is no message."""

    units: int
    """The length of the whole text in septets (GSM-7) or UTF-16 code units (UCS-2), headers not counted."""

    per_segment: int
    """How many units a part carries: 160 or 153 septets, 70 or 67 code units, for one part or several."""

    remaining: int
    """How many units are free in the last part; for an empty text, in the first."""

    forcing_characters: tuple[str, ...] = ()
    """Each character that forced UCS-2, once, in order of appearance; empty where the content forced nothing."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class Replacement:
    """A character outside GSM-7, and the plain form that says the same."""

    character: str
    """As it stands in the text: one code point, or a letter with a combining accent behind it."""

    replacement: str
    """What may stand in its place; empty for a mark that nobody sees."""

    positions: tuple[int, ...]
    """Where in the text it stands, in code points from 0."""

    @property
    def count(self) -> int:
        """How often it stands in the text."""
        return len(self.positions)


_SEPTETS: Final = (160, 153)  # how many a part carries, when it is the only one and when it is one of several
_CODE_UNITS: Final = (70, 67)

# In the order of the standard. The escape has a place of its own there, and counts one where a text holds it.
_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = "^{}\\[]~|€\f"  # each is an escape and a second septet, which no boundary may part
_GSM: Final = frozenset(_BASIC + _EXTENSION)

# Measured 2026-11 on 100 characters: fullmatch 0.27 us, a set of the characters 2 us. A possessive repetition does not
# try the shorter ones where the text does not match: 0.3 us instead of 0.8.
_ALL_BASIC: Final = re.compile(f"[{re.escape(_BASIC)}]*+")
_ALL_GSM: Final = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*+")
_EXTENDED: Final = re.compile(f"[{re.escape(_EXTENSION)}]")
_OUTSIDE: Final = re.compile(f"[^{re.escape(_BASIC + _EXTENSION)}]")

_ESCAPE: Final = "\0"  # what marks an escape while parts are counted: no character of GSM-7, so no text holds it
_LEAD_SURROGATES: Final = 0xD8  # the high byte of the first half of a pair, but for its two lowest bits
_TRAIL_SURROGATES: Final = 0xDC
_SURROGATE_BITS: Final = 0xFC

_PLAIN_FORMS: Final = {
    "'": "\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u2035\u02bc\u00b4`",  # quotes, primes, accents that stand alone
    '"': "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u2036",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043",  # hyphens, dashes, minus, hyphen bullet
    "...": "\u2026",
    "*": "\u2022\u2023\u25cf\u25e6\u25aa\u25ab",  # bullets
    " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "\n": "\x85\u2028\u2029",
    # What nobody sees in a text of GSM-7: soft hyphen, zero-width space, byte-order mark, marks of direction. The
    # zero-width joiners are not among them: they shape the letters and the emoji beside them.
    "": "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff",
    "/": "\u2044\u2215",
    "..": "\u2025",
    "(C)": "\u00a9",
    "(R)": "\u00ae",
    "(TM)": "\u2122",
    "fi": "\ufb01",  # ligatures, as they come out of a PDF
    "fl": "\ufb02",
    "ff": "\ufb00",
}


def _plain_forms() -> dict[str, str]:
    """List every character with its plain form, and every accented letter of GSM-7 as some keyboards compose it."""
    forms = {character: plain for plain, characters in _PLAIN_FORMS.items() for character in characters}
    decomposed = {unicodedata.normalize("NFD", letter): letter for letter in _BASIC}
    forms |= {pair: letter for pair, letter in decomposed.items() if pair != letter}
    return forms | {"\u212b": "Å", "\u2126": "Ω"}  # the signs of ångström and ohm are these letters


_REPLACEMENTS: Final = _plain_forms()
_REPLACEABLE: Final = re.compile("|".join(re.escape(each) for each in sorted(_REPLACEMENTS, key=len, reverse=True)))


def segments(text: str, encoding: str = "auto") -> Segments:
    """
    Count the parts in which *text* is sent as an SMS.

    *encoding* is ``sms.encoding_type``: ``auto`` takes GSM-7 where every character has a place in it and UCS-2
    otherwise, ``unicode`` takes UCS-2, ``text`` GSM-7. With ``text`` each character that has no place in GSM-7 counts
    one septet, as the ``?`` that commonly stands in for it: what the platform puts there is not documented.

    An escape pair (``€`` and nine more count two septets) and a surrogate pair (an emoji, two code units) are never
    split, so a part may end one unit early. Half a surrogate pair counts as the one code unit that it is. An empty
    text has no part: it is no message, and ``Sms`` refuses it.

    Raises:
        ValueError: *encoding* is none of the three words.

    Reference: Messages API v1, section "sms", ``encoding_type``.
    """
    if encoding == "auto":
        # Most texts. Measured 2026-11 on 100 characters: 0.4 us in all; building the answer anew would add 1 us.
        if _ALL_BASIC.fullmatch(text):
            return _plain_division(len(text))
        return _gsm(text) if _ALL_GSM.fullmatch(text) else _ucs(text, _forcing(text))
    if encoding == "text":
        return _gsm(_OUTSIDE.sub("?", text))
    if encoding == "unicode":
        return _ucs(text, ())
    raise ValueError(f"encoding must be auto, text or unicode, not {encoding!r}")


def suggest_replacements(text: str) -> tuple[Replacement, ...]:
    """
    List what in *text* lies outside GSM-7 and has a plain form, in order of appearance.

    Typographic quotes, dashes, ellipses, bullets, spaces of every width, marks that nobody sees, a few signs and
    ligatures, and accented letters of GSM-7 that were typed as letter and accent. Letters are never changed for
    others: ``ç`` has no plain form. ``replace_smart`` puts the plain forms in.
    """
    places: dict[str, list[int]] = {}
    for found in _REPLACEABLE.finditer(text):
        places.setdefault(found[0], []).append(found.start())
    return tuple(
        Replacement(character=character, replacement=_REPLACEMENTS[character], positions=tuple(positions))
        for character, positions in places.items()
    )


def replace_smart(text: str) -> str:
    """
    Put the plain forms into *text*, if that brings it into GSM-7 and into no more parts than before.

    Otherwise nothing would be won, and *text* comes back as it is: a text with an emoji keeps its quotes, too.
    ``suggest_replacements`` tells what is replaced.
    """
    if _ALL_GSM.fullmatch(text):
        return text
    plain = _REPLACEABLE.sub(_plain_form, text)
    wins = _ALL_GSM.fullmatch(plain) and segments(plain).count <= segments(text).count
    return plain if wins else text


def _plain_form(found: re.Match[str]) -> str:
    return _REPLACEMENTS[found[0]]


def _forcing(text: str) -> tuple[str, ...]:
    return tuple(sorted(set(text) - _GSM, key=text.index))


@lru_cache(maxsize=4096)
def _plain_division(units: int) -> Segments:
    """Count the parts of a text in which no pair stands at a boundary: its length alone decides."""
    return _counted(SmsEncoding.GSM_7, _SEPTETS, units, lambda _boundary: False, ())


def _gsm(text: str) -> Segments:
    """Count the parts of a text of GSM-7."""
    units = len(text) + len(_EXTENDED.findall(text))
    if units <= _SEPTETS[0]:
        return _plain_division(units)
    septets = _EXTENDED.sub(_ESCAPE + "?", text)
    return _counted(SmsEncoding.GSM_7, _SEPTETS, units, lambda boundary: septets[boundary - 1] == _ESCAPE, ())


def _ucs(text: str, forcing: tuple[str, ...]) -> Segments:
    """Count the parts of a text in UCS-2; two halves of a pair are one character, however the text holds them."""
    encoded = text.encode("utf-16-be", "surrogatepass")

    def splits(boundary: int) -> bool:
        lead, trail = encoded[2 * boundary - 2], encoded[2 * boundary]
        return lead & _SURROGATE_BITS == _LEAD_SURROGATES and trail & _SURROGATE_BITS == _TRAIL_SURROGATES

    return _counted(SmsEncoding.UCS_2, _CODE_UNITS, len(encoded) // 2, splits, forcing)


def _counted(
    encoding: SmsEncoding,
    capacities: tuple[int, int],
    units: int,
    splits: Callable[[int], bool],
    forcing: tuple[str, ...],
) -> Segments:
    """
    Walk from part to part.

    *splits* tells whether a boundary behind so many units would part a pair: then the part ends one unit before.
    """
    capacity, each_of_several = capacities
    count, start = min(units, 1), 0
    if units > capacity:
        capacity = each_of_several
        while units - start > capacity:
            start += capacity - splits(start + capacity)
            count += 1
    return Segments(
        encoding=encoding,
        count=count,
        units=units,
        per_segment=capacity,
        remaining=capacity - (units - start),
        forcing_characters=forcing,
    )
