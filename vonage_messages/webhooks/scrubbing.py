"""
Makes a sample of a callback that nobody can be known by: its shape and the words of the API, and nothing of a person.

What is kept stands in a table of paths. Everything else is replaced, members that this version does not know as well:
they may hold anything. Writing samples to files is for whoever calls this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from vonage_messages.webhooks.decoding import MAXIMUM_DEPTH

_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("channel", "message_type", "status", "timestamp", "context_status"),
    "usage.": ("currency", "price"),
    "error.": ("type", "title", "code"),
    "workflow.": ("items_number", "items_total", "item_number", "total_items"),
    "destination.": ("network_code",),
    "origin.": ("network_code",),
    "sms.": ("count_total", "num_messages", "total_count"),
    "sms.segments.": ("timestamp", "status", "error_code"),
    "whatsapp.pricing.": ("type", "pricing_model", "category"),
    "whatsapp.conversation.origin.": ("type",),
    "whatsapp.referral.": ("source_type", "media_type"),
    "reaction.": ("action",),
    "button.": ("subtype",),
    "content.": ("type",),
    "contacts.phones.": ("type",),
    "contacts.emails.": ("type",),
    "contacts.addresses.": ("type",),
    "contacts.urls.": ("type",),
    "order.product_items.": ("quantity", "item_price", "currency"),
    "to.": ("type",),
    "from.": ("type",),
    "message.content.": ("type",),
    "message.sms.": ("num_messages", "total_count"),
}
"""What is kept: words of the API, prices and counts. The items of a list have the path of the list."""

_KEPT: Final = frozenset(f"{path}{name}" for path, names in _MEMBERS.items() for name in names)

_WORD = re.compile(r"[A-Za-z0-9_.:/+# -]{1,100}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_LONG_NUMBER = re.compile(r"[0-9]{7,}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}$")

_MOST_STAND_INS: Final = 10_000
_FICTITIOUS_NUMBERS: Final = 1000

_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "phone": re.compile(r"(?P<prefix>\+|00)?[0-9]{7,15}"),
    "uuid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE),
    "user": re.compile(r"(?P<prefix>[A-Z]{2}\.(?:ENT\.)?)[A-Za-z0-9]{1,128}"),
    "url": re.compile(r"https?://\S+", re.IGNORECASE),
    "address": re.compile(r"\S+@\S+\.\S+"),
    "decimal": re.compile(r"-?[0-9]{1,6}\.[0-9]+"),
}
"""The forms that a stand-in keeps, the first that fits."""


def _suffix(url: str) -> str:
    found = _SUFFIX.search(url.partition("?")[0])
    return "" if found is None else found[0]


_WRITTEN: Final[Mapping[str, Callable[[re.Match[str], int], str]]] = {
    "phone": lambda found, number: f"{found['prefix'] or ''}447700900{min(number, _FICTITIOUS_NUMBERS) - 1:03}",
    "uuid": lambda _, number: f"aaaaaaaa-bbbb-4ccc-8ddd-{number:012}",
    "user": lambda found, number: f"{found['prefix']}{number:020}",
    "url": lambda found, number: f"https://example.com/{number}{_suffix(found[0])}",
    "address": lambda _, number: f"person{number}@example.com",
    "decimal": lambda _found, _number: "1.5",
}
"""How the stand-in of each form is written."""


class Scrubber:
    """
    Scrubs callbacks; what is equal in several of them has the same stand-in in all.

    Keys, JSON types, the order and number of members, words of the API, prices, counts and timestamps stay. Phone
    numbers become numbers of a range that is kept for fiction, ids, URLs and addresses such as lead nowhere, every
    other string ``text 1``, ``text 2``, …; a number or an address where a key belongs is replaced too. The first
    10,000 values of each form have stand-ins of their own (phone numbers: 1,000), all later ones share one.
    """

    __slots__ = ("_stand_ins",)

    def __init__(self) -> None:
        self._stand_ins: dict[str, dict[str, int]] = {}

    def scrub(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Give a scrubbed copy of a decoded callback. What is nested deeper than ``parse_webhook`` takes is cut off."""
        return self._object(payload, "", MAXIMUM_DEPTH)

    def _object(self, value: Mapping[str, Any], path: str, levels: int) -> dict[str, Any]:
        return {
            (name := self._key(key, place)): self._value(item, f"{path}.{name}" if path else name, levels - 1)
            for place, (key, item) in enumerate(value.items(), start=1)
        }

    def _key(self, key: object, place: int) -> str:
        """Keep the name of a member; what is none gets one by its *place*, so that no two become one."""
        if isinstance(key, str) and _NAME.fullmatch(key) and not _LONG_NUMBER.search(key):
            return key
        return f"({self._string(key) if isinstance(key, str) else 'key'}, member {place})"

    def _value(self, value: Any, path: str, levels: int) -> Any:
        if isinstance(value, Mapping | list) and levels <= 0:
            return None
        if isinstance(value, Mapping):
            return self._object(value, path, levels)
        if isinstance(value, list):
            # A word of the API stands in an object; items of a list of strings are no such words.
            return [self._value(item, path if isinstance(item, Mapping) else "", levels - 1) for item in value]
        if path in _KEPT and _is_word(value):
            return value
        return self._string(value) if isinstance(value, str) else _stand_in(value)

    def _string(self, value: str) -> str:
        """Replace a string by another one of its form."""
        if not value:
            return value
        for form, pattern in _FORMS.items():
            if found := pattern.fullmatch(value):
                return _WRITTEN[form](found, self._number(form, value))
        return f"text {self._number('text', value)}"

    def _number(self, form: str, value: str) -> int:
        known = self._stand_ins.setdefault(form, {})
        if value not in known and len(known) >= _MOST_STAND_INS - 1:
            return _MOST_STAND_INS
        return known.setdefault(value, len(known) + 1)


def _stand_in(value: Any) -> Any:
    """Replace a number; a truth value and ``null`` tell of nobody."""
    if value is None or isinstance(value, bool):
        return value
    return 1.5 if isinstance(value, float) else 1


def _is_word(value: object) -> bool:
    """Tell whether a value may be what the API writes there: somebody may write a number of a person instead."""
    if not isinstance(value, str):
        return isinstance(value, int | float) and abs(value) < 10**6
    return _WORD.fullmatch(value) is not None and not _LONG_NUMBER.search(value)
