"""
One rule and one value in, the reason for a refusal out. Pure functions; who is asked when is said in ``validate.py``.

A reason names the bound and never the value, which may be a phone number or the text of a message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vonage_messages.simulator.forms import extension_reason, form_reason, format_reason, prefix_reason

if TYPE_CHECKING:
    from collections.abc import Mapping

# Nine digits hold every bound of the tables, and keep int() away from strings of a million digits.
_NUMERIC = re.compile(r"[0-9]{1,9}")


def string_reason(rule: Mapping[str, Any], value: str) -> str | None:
    """Give the first thing that is wrong with a string: one sentence for a field is enough."""
    if "enum" in rule:
        return None if value in rule["enum"] else "must be one of " + ", ".join(rule["enum"])
    return (
        _length_reason(rule, len(value))
        or prefix_reason(rule.get("noPrefix", ()), value)
        or _form_reason(rule.get("form"), value)
        or format_reason(rule.get("format"), value)
        or _pattern_reason(rule.get("pattern"), value)
        or _numeric_reason(rule, value)
        or extension_reason(rule.get("extensions"), value)
    )


def integer_reason(rule: Mapping[str, Any], value: Any) -> str | None:
    """Tell why *value* is not a whole number within the bounds; ``true`` and ``600.0`` are not whole numbers."""
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be a whole number"
    return _range_reason(rule, value)


def number_reason(value: Any) -> str | None:
    """Tell why *value* is not a number; ``true`` is none."""
    return "must be a number" if isinstance(value, bool) or not isinstance(value, (int, float)) else None


def count_reason(rule: Mapping[str, Any], count: int) -> str | None:
    """Tell why an array may not have *count* items."""
    low, high = rule.get("minItems", 0), rule.get("maxItems")
    if high is None:
        return f"must have at least {low} item(s)" if count < low else None
    return None if low <= count <= high else f"must have {low} to {high} items"


def item_reason(rule: Mapping[str, Any], item: Any) -> str | None:
    """Tell why *item* may not stand in an array of strings."""
    if not isinstance(item, str):
        return "must be a string"
    return _form_reason(rule.get("itemForm"), item)


def _form_reason(form: str | None, value: str) -> str | None:
    return form_reason(form, value) if form is not None else None


def _length_reason(rule: Mapping[str, Any], length: int) -> str | None:
    low, high = rule.get("minLength", 0), rule.get("maxLength")
    if high is not None and not low <= length <= high:
        return f"must have {low} to {high} characters" if low else f"must have at most {high} characters"
    if length < low:
        return "must not be empty" if low == 1 else f"must have at least {low} characters"
    return None


def _pattern_reason(pattern: str | None, value: str) -> str | None:
    # fullmatch, because ``$`` alone also stands before a final line feed; ASCII, because digits are [0-9] only.
    if pattern is None or re.fullmatch(pattern, value, re.ASCII):
        return None
    return f"must match {pattern}"


def _numeric_reason(rule: Mapping[str, Any], value: str) -> str | None:
    """A string that holds a number, such as ``viber_service.duration``: the bounds are those of the number."""
    if "minimum" not in rule:
        return None
    if not _NUMERIC.fullmatch(value):
        return f"must be a string of digits, {rule['minimum']} to {rule['maximum']}"
    return _range_reason(rule, int(value))


def _range_reason(rule: Mapping[str, Any], value: int) -> str | None:
    if "minimum" not in rule or rule["minimum"] <= value <= rule["maximum"]:
        return None
    return f"must be {rule['minimum']} to {rule['maximum']}"
