"""
Small values that every floor shares: JSON types, units, phone numbers, BSUIDs, masking, and hiding secrets.

Nothing here knows a channel or a message class.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Self, TypeAlias, TypeGuard, TypeVar

from vonage_messages.errors import printable

ObjectT = TypeVar("ObjectT")

JSONObject: TypeAlias = Mapping[str, Any]
"""A JSON object: string keys, and JSON values of any depth."""

Seconds: TypeAlias = float
"""A span of time in seconds."""

E164 = re.compile(r"[1-9][0-9]{6,14}")
"""A phone number as the API wants it: country code first, no ``+``, 7 to 15 digits (API v1, section "to")."""

BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
"""A WhatsApp business-scoped user id, such as ``US.13491208655302741918`` or ``US.ENT.1349…`` (API v1, 1.20)."""

_SEPARATORS = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000()\-\u2010-\u2015]+|(?<=[0-9]{2})\.(?=[0-9]{2})")
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9][0-9]*)")
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
_SHORTEST_NUMBER = 7
_LONGEST_NUMBER = 15
_LONGEST_REFERENCE = 100
"""``client_ref`` has at most 100 characters (API v1), and ids have 36."""


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
    if not compact.isascii() or not compact.isdigit() or compact.startswith("00"):  # no country code begins with 0
        return value
    return compact if _SHORTEST_NUMBER <= len(compact) <= _LONGEST_NUMBER else value


def _keeps_trunk_zero(written: str, digits: str) -> bool:
    """Tell whether the zero in brackets belongs to the number: in Italy, San Marino and the Vatican it is dialled."""
    return _TRUNK_ZERO.search(written) is not None and digits.startswith(("39", "378"))


def is_bsuid(value: str) -> bool:
    """Tell whether *value* has the form of a WhatsApp business-scoped user id."""
    return BSUID.fullmatch(value) is not None


def masked(value: object) -> str:
    """
    Hide the middle of a number, an address or an id, so that it may stand in a log line or an error.

    ``447700900000`` becomes ``44********00``; up to five characters are hidden whole. What cannot be printed is
    escaped: an end that is a line break would begin a line of its own in a log. Never raises.
    """
    text = str(value)
    if len(text) <= 5:  # noqa: PLR2004  so short that its ends would give it away
        return "*" * len(text)
    return f"{printable(text[:2])}{'*' * min(len(text) - 4, 12)}{printable(text[-2:])}"


class HoldsSecret:
    """
    The base of what holds a credential.

    It is not pickled: a pickle is a file, a queue or a cache of somebody else's, and a key in it is a key that nobody
    looks after. It is one object however often it is copied, so that a copy neither doubles a key nor forgets what the
    original has remembered.
    """

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds a secret and is not pickled: make one in each process, from where the "
            "secret is kept."
        )


class HiddenText(HoldsSecret, str):
    """
    A secret that is a ``str`` in all but its ``repr``.

    Error reports often show the local variables of every frame. What is hidden is shown there as ``<hidden>``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


class HiddenBytes(HoldsSecret, bytes):
    """A secret that is ``bytes`` in all but its ``repr``: see ``HiddenText``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


def shown_half_built(show: Callable[[ObjectT], str]) -> Callable[[ObjectT], str]:
    """
    Let a ``repr`` be asked of an object whose ``__init__`` refuses what it was given.

    Error reports that show local variables do so, and before Python 3.13 what fails there hides the error itself.
    """

    @functools.wraps(show)
    def shown(self: ObjectT) -> str:
        try:
            return show(self)
        except AttributeError:
            return f"<{type(self).__name__}, half built>"

    return shown


def hidden(value: Any) -> Any:
    """Give the same text, or the same bytes, with a ``repr`` that does not show them; anything else as it is."""
    if isinstance(value, str):
        return HiddenText(value)
    return HiddenBytes(value) if isinstance(value, bytes) else value


def masked_reference(text: str) -> str:
    """
    Hide a reference of the user's own where it is a number or an address, and leave it alone otherwise.

    It is what people search their logs for; but some give their customers' numbers as a reference. What is too long for
    one, or cannot be printed, is hidden as well. Never raises.
    """
    if len(text) > _LONGEST_REFERENCE or not text.isprintable():
        return masked(text)
    return masked(text) if "@" in text or E164.fullmatch(normalize_number(text)) else text
