"""
The written forms that values must have: numbers, addresses, URLs, instants. One pure function for each.

A check gives the reason why a value is refused, or ``None``. Reasons never repeat the value: it may be a phone
number or the text of a message. Which field has which form is said in ``rules``, not here.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Digits are [0-9] only: ``\d`` would let Arabic-Indic digits through.
_E164 = re.compile(r"[1-9][0-9]{0,14}")
_SENDER_DIGITS = re.compile(r"[0-9]{1,15}")
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9 ._&-]*[A-Za-z0-9._&-])?")
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_RCS_SENDER = re.compile(r"[A-Za-z0-9_&-]+")
_EMAIL = re.compile(r"[^\s@<>,;:\"()]+@[^\s@<>,;:\"()]+")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f<>\"]")
_FILE_EXTENSION = re.compile(r"[^.]\.([A-Za-z0-9]+)$")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)

# Variation selectors, skin tones: they change how a picture looks, and are no picture of their own.
_EMOJI_MARKS = frozenset("\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


def form_reason(form: str, value: str) -> str | None:
    """Tell why *value* does not have the *form* of that name; ``None`` where it has."""
    return _FORMS[form](value)


def format_reason(name: str | None, value: str) -> str | None:
    """Tell why *value* does not have the JSON Schema format *name*; formats without a check here bind nothing."""
    check = _FORMATS.get(name) if name is not None else None
    return check(value) if check else None


def prefix_reason(prefixes: Sequence[str], value: str) -> str | None:
    """Tell which of *prefixes* stands where none may."""
    for prefix in prefixes:
        if value.startswith(prefix):
            return f"must not start with {prefix}"
    return None


def extension_reason(extensions: Sequence[str] | None, url: str) -> str | None:
    """
    Tell why the file behind *url* is of a kind that the channel does not take.

    Extensions compare without case, and a URL without one says nothing (our reading, ``v1-fields``).
    """
    if extensions is None:
        return None
    extension = file_extension(url)
    if extension is None or extension in extensions:
        return None
    return "must be a file of type " + ", ".join(f".{allowed}" for allowed in extensions)


def file_extension(url: str) -> str | None:
    """Give the extension of the last part of the path of *url*, in small letters; ``None`` where it has none."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    found = _FILE_EXTENSION.search(path.rpartition("/")[2])
    return found[1].lower() if found else None


def _e164(value: str) -> str | None:
    if _E164.fullmatch(value):
        return None
    return "must be a phone number in E.164 form: digits only, country code first, without + or 00"


def _e164_or_bsuid(value: str) -> str | None:
    if _BSUID.fullmatch(value) or _E164.fullmatch(value):
        return None
    return "must be a phone number in E.164 form without +, or a business-scoped user id such as US.1349"


def _sender_digits(value: str) -> str | None:
    # A leading 0 stands in real requests (a short code, a national number), so only 00 is refused.
    if _SENDER_DIGITS.fullmatch(value) and not value.startswith("00"):
        return None
    return "must be a number: up to 15 digits, without + or 00"


def _number_or_name(value: str) -> str | None:
    if _SENDER_DIGITS.fullmatch(value) and not value.startswith("00"):
        return None
    if _SENDER_NAME.fullmatch(value) and not value.startswith("00"):
        return None
    return "must be a number without + or 00, or an alphanumeric sender id"


def _rcs_sender(value: str) -> str | None:
    if _RCS_SENDER.fullmatch(value):
        return None
    return "must be an RCS sender id: letters, digits, -, _ and &, without spaces"


def _email(value: str) -> str | None:
    return None if _EMAIL.fullmatch(value) else "must be one e-mail address, without a display name"


def _url(value: str) -> str | None:
    reason = "must be an absolute http or https URL"
    if _NOT_IN_A_URL.search(value):
        return reason
    try:
        parts = urlsplit(value)
        # Reading the port is what makes ``urlsplit`` look at it.
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return reason
    return None if usable else reason


def _url_or_path(value: str) -> str | None:
    if "://" in value:
        return _url(value)
    return "must be a URL or a path" if _NOT_IN_A_URL.search(value) else None


def _link(value: str) -> str | None:
    return "must be a link without spaces" if _NOT_IN_A_URL.search(value) else None


def _instant(value: str) -> str | None:
    reason = "must be an instant in ISO 8601 form with its offset, such as 2024-06-28T19:00:00Z"
    if not _INSTANT.fullmatch(value):
        return reason
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:
        return reason
    return None


def _one_emoji(value: str) -> str | None:
    """Count pictures: a flag is two letters of one alphabet, a family is several people joined."""
    bare = "".join(
        character
        for character in value
        if character not in _EMOJI_MARKS and not "\U000e0020" <= character <= "\U000e007f"
    )
    if len(bare) == 2 and all("\U0001f1e6" <= character <= "\U0001f1ff" for character in bare):  # noqa: PLR2004  a flag
        return None
    if len(bare) == 2 and bare[0] in "0123456789#*" and bare[1] == "\u20e3":  # noqa: PLR2004  a keycap
        return None
    pictures = bare.split("\u200d")
    if all(len(picture) == 1 and _is_picture(picture) for picture in pictures):
        return None
    return "must be exactly one emoji"


def _is_picture(character: str) -> bool:
    if "\U0001f1e6" <= character <= "\U0001f1ff":  # half a flag
        return False
    return unicodedata.category(character) in {"So", "Sm", "Cn"} or character in "\u203c\u2049\u2139\u3030\u303d"


_FORMS: Final[Mapping[str, Callable[[str], str | None]]] = MappingProxyType(
    {
        "e164": _e164,
        "e164-or-bsuid": _e164_or_bsuid,
        "sender-digits": _sender_digits,
        "number-or-name": _number_or_name,
        "rcs-sender": _rcs_sender,
        "email": _email,
        "url-or-path": _url_or_path,
        "link": _link,
        "one-emoji": _one_emoji,
    }
)
# ``e164`` as a format stands beside a pattern that is wider than our form (a + is allowed there): the pattern binds.
_FORMATS: Final[Mapping[str, Callable[[str], str | None]]] = MappingProxyType({"url": _url, "date-time": _instant})

FORM_PATTERNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "e164": f"^{_E164.pattern}$",
        "e164-or-bsuid": f"^(?:{_BSUID.pattern}|{_E164.pattern})$",
        "sender-digits": f"^(?!00){_SENDER_DIGITS.pattern}$",
        "number-or-name": f"^(?!00)(?:{_SENDER_DIGITS.pattern}|{_SENDER_NAME.pattern})$",
        "rcs-sender": f"^{_RCS_SENDER.pattern}$",
        "email": f"^{_EMAIL.pattern}$",
        "url-or-path": r"^[^\x00-\x20\x7f<>\"]*$",
        "link": r"^[^\x00-\x20\x7f<>\"]*$",
    }
)
"""The forms as a schema says them; a test finds out whether one refuses what is accepted. An emoji has no pattern."""
