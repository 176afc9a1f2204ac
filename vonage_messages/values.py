"""
Small values that every floor shares: JSON types, units, phone numbers, BSUIDs, masking.

Nothing here knows a channel or a message class.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeGuard

JSONObject: TypeAlias = Mapping[str, Any]
"""A JSON object: string keys, and JSON values of any depth."""

Seconds: TypeAlias = float
"""A span of time in seconds."""

E164 = re.compile(r"[1-9][0-9]{6,14}")
"""A phone number as the API wants it: country code first, no ``+``, 7 to 15 digits (API v1, section "to")."""

BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
"""A WhatsApp business-scoped user id, such as ``US.13491208655302741918`` or ``US.ENT.1349…`` (API v1, 1.20)."""

_SEPARATORS = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000()\-\u2010-\u2015]+|(?<=[0-9]{2})\.(?=[0-9]{2})")
_INTERNATIONAL = re.compile(r"(?:\+|00)([0-9]+)")
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
_SHORTEST_NUMBER = 7
_LONGEST_NUMBER = 15


def is_finite(value: object) -> TypeGuard[float]:
    """Tell whether *value* is a number that a ``float`` can hold: no truth value, no infinity, no endless integer."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max


def normalize_number(value: str) -> str:
    """
    Turn ``+44 7700 900000``, ``0044-7700-900000`` or ``44 7700 900000`` into ``447700900000``.

    A zero in brackets behind a country code, as in ``+44 (0)7700 900000``, is dialled inside the country only, and
    falls away. What is not a number with separators is returned unchanged: short codes, senders such as ``24-7``
    (fewer digits than a number has), two numbers in one text (more digits, or a line break), BSUIDs, e-mail
    addresses. A national number such as ``07700 900000`` keeps its zero: only the caller knows the country.
    Never raises.
    """
    if value.isascii() and value.isdigit() and not value.startswith("00"):
        return value
    if value.isalpha():  # a sender such as Acme: nothing that could be taken for a digit, and 1 µs less
        return value
    international = _INTERNATIONAL.fullmatch(_SEPARATORS.sub("", _TRUNK_ZERO.sub("", value)))
    if international:
        whole = len(international[1]) <= _LONGEST_NUMBER and not _keeps_trunk_zero(value, international[1])
        return international[1] if whole else value
    compact = _SEPARATORS.sub("", value)
    if compact.isascii() and compact.isdigit() and _SHORTEST_NUMBER <= len(compact) <= _LONGEST_NUMBER:
        return compact
    return value


def _keeps_trunk_zero(written: str, digits: str) -> bool:
    """Tell whether the zero in brackets belongs to the number: in Italy, San Marino and the Vatican it is dialled."""
    return _TRUNK_ZERO.search(written) is not None and digits.startswith(("39", "378"))


def is_bsuid(value: str) -> bool:
    """Tell whether *value* has the form of a WhatsApp business-scoped user id."""
    return BSUID.fullmatch(value) is not None


def masked(value: object) -> str:
    """
    Hide the middle of a number, an address or an id, so that it may stand in a log line or an error.

    ``447700900000`` becomes ``44********00``; up to five characters are hidden whole. Never raises.
    """
    text = str(value).encode(errors="backslashreplace").decode()
    if len(text) <= 5:  # noqa: PLR2004  so short that its ends would give it away
        return "*" * len(text)
    return f"{text[:2]}{'*' * min(len(text) - 4, 12)}{text[-2:]}"
