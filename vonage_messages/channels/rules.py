"""
The rules a field can obey: each looks at one value and writes down what is wrong with it.

A rule is a function of the value, its JSON path and the list of problems found so far. Rules never raise, so that
all problems of a message are found at once. They are attached to attrs fields as ``metadata=text(max=3200)``.
Only what the reference publishes is checked; where a bound comes from elsewhere the field says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from math import isfinite
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from vonage_messages.errors import Problem
from vonage_messages.values import BSUID, E164, masked

Rule: TypeAlias = Callable[[object, str, list[Problem]], None]
Metadata: TypeAlias = dict[str, Rule]

RULE = "vonage_messages.rule"
"""The key under which a field's metadata holds its rule."""

EMAIL_ADDRESS = re.compile(r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}")
"""The pattern that 1.20 gives for ``email.cc[].address`` and ``email.bcc[].address``."""

_DIGITS = re.compile(r"[0-9]+")
_WHATSAPP_NUMBER = re.compile(r"[1-9][0-9]*")
_RCS_SENDER = re.compile(r"[A-Za-z0-9_&-]+")
_URL_CHARACTERS = re.compile(r"[^\s<>\"\\^`{|}\x00-\x1f\x7f]+")
_EMOJI = re.compile(
    # One emoji: a flag, a keycap, or pictographs joined by zero-width joiners, each with its modifiers and tags.
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|(?:P)(?:\u200d(?:P))*)".replace(
        "P",
        "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
        "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
        "[\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?\ufe0f?[\U000e0020-\U000e007f]*",
    )
)


def text(*, max: int | None = None, min: int = 1) -> Metadata:  # noqa: A002  the reference's own words
    """Text of *min* to *max* characters; an empty one says nothing to anybody and is refused."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        length = _text_length(value, path, problems)
        if length is None:
            return
        if length < min:
            at_least = "must not be empty" if min == 1 else f"must have at least {min} characters, not {length}"
            problems.append(Problem(path, at_least))
        elif max is not None and length > max:
            problems.append(Problem(path, f"must have at most {max:,} characters, not {length:,}"))

    return {RULE: rule}


def integer(minimum: int, maximum: int, unit: str) -> Metadata:
    """A whole number (not a boolean) from *minimum* to *maximum*."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.append(Problem(path, f"must be a whole number, not {_kind(value)}"))
        elif not minimum <= value <= maximum:
            problems.append(Problem(path, f"must be {minimum} to {maximum} ({unit}), not {_shown(value)}"))

    return {RULE: rule}


def digits(minimum: int, maximum: int, unit: str) -> Metadata:
    """A whole number from *minimum* to *maximum*, written as a string of the digits 0 to 9."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, str):
            problems.append(Problem(path, f"must be a number written as a string, not {_kind(value)}"))
        elif not _DIGITS.fullmatch(value):
            problems.append(Problem(path, "must be a whole number written in the digits 0 to 9"))
        elif len(value) > 9 or not minimum <= int(value) <= maximum:  # noqa: PLR2004  int() of a huge string is slow
            problems.append(Problem(path, f"must be {minimum} to {maximum} ({unit}), not {value[:12]}"))

    return {RULE: rule}


def number(*, minimum: float, maximum: float, unit: str) -> Metadata:
    """A finite number (not a boolean) from *minimum* to *maximum*."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            problems.append(Problem(path, f"must be a number, not {_kind(value)}"))
        elif not minimum <= value <= maximum:
            problems.append(Problem(path, f"must be {minimum:g} to {maximum:g} ({unit}), not {_shown(value)}"))

    return {RULE: rule}


def boolean() -> Metadata:
    """``True`` or ``False``."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, bool):
            problems.append(Problem(path, f"must be true or false, not {_kind(value)}"))

    return {RULE: rule}


def choice(words: type[StrEnum]) -> Metadata:
    """One of the words of a closed set, as a member or as the bare word."""
    allowed = frozenset(str(word) for word in words)
    listed = ", ".join(str(word) for word in words)

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, str) or value not in allowed:
            problems.append(Problem(path, f"must be one of {listed}"))

    return {RULE: rule}


def constant(word: str) -> Metadata:
    """A field that the class fixes: it may be given, and must then be *word*."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if value != word:
            problems.append(Problem(path, f"must be {word} (or left out)"))

    return {RULE: rule}


def pattern(expression: str, words: str) -> Metadata:
    """Text that matches *expression* as a whole; *words* says so in a sentence that begins with "must"."""
    compiled = re.compile(expression)

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if _text_length(value, path, problems) is not None and not compiled.fullmatch(str(value)):
            problems.append(Problem(path, words))

    return {RULE: rule}


def url(
    *extensions: str,
    min: int = 1,  # noqa: A002  see text
    max: int | None = None,  # noqa: A002  see text
) -> Metadata:
    """
    An absolute http or https URL.

    With *extensions* the file behind it must be of one of these types, compared without case; a URL whose path
    shows no extension says nothing, and passes.
    """

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        length = _text_length(value, path, problems)
        if length is None:
            return
        link = str(value)
        if not is_http_url(link):
            problems.append(Problem(path, "must be an absolute http or https URL"))
        elif length < min:
            problems.append(Problem(path, f"must have at least {min} characters, not {length}"))
        elif max is not None and length > max:
            problems.append(Problem(path, f"must have at most {max:,} characters, not {length:,}"))
        elif extensions:
            _check_file_type(link, extensions, path, problems)

    return {RULE: rule}


def link(*extensions: str) -> Metadata:
    """
    A link of any scheme, or a path, without spaces.

    With *extensions* the file behind it must be of one of these types, as in ``url``.
    """

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        length = _text_length(value, path, problems)
        if length is None:
            return
        target = str(value)
        if not length or not _URL_CHARACTERS.fullmatch(target):
            problems.append(Problem(path, "must be a URL or a path without spaces"))
        elif extensions:
            _check_file_type(target, extensions, path, problems)

    return {RULE: rule}


def number_or_sender(*, alphanumeric: bool) -> Metadata:
    """
    ``from`` of SMS (a number or, with *alphanumeric*, a sender id) and of MMS and WhatsApp (a number).

    1.20 bounds no length here and short codes have five or six digits, so digits of any length pass.
    """
    what = "a number or a sender id" if alphanumeric else "a number: digits only"

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not _text_length(value, path, problems, words=f"must be {what}"):
            return
        sender = str(value)
        if sender.startswith(("+", "00")):
            problems.append(Problem(path, f"must not begin with + or 00 ({masked(sender)})"))
        elif sender != sender.strip():
            problems.append(Problem(path, "must not begin or end with a space"))
        elif not alphanumeric and not _DIGITS.fullmatch(sender):
            problems.append(Problem(path, f"must be {what}, not {masked(sender)}"))

    return {RULE: rule}


def phone_number() -> Metadata:
    """``to`` of sms, mms, rcs, viber_service: E.164 without the plus sign, 7 to 15 digits."""
    return {RULE: _phone_number}


def whatsapp_recipient() -> Metadata:
    """``to`` of whatsapp: a number (1.20 bounds no length) or a business-scoped user id."""
    return {RULE: _whatsapp_recipient}


def rcs_sender() -> Metadata:
    """``from`` of rcs: the registered sender id, without spaces."""
    return pattern(_RCS_SENDER.pattern, "must be a sender id: letters, digits, -, _ and & only, no spaces")


def email_address() -> Metadata:
    """``to`` and ``from`` of email: one address without a display name (1.20 gives no pattern here)."""
    return {RULE: _email_address}


def emoji() -> Metadata:
    """Exactly one emoji, however many code points it takes."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, str) or not _EMOJI.fullmatch(value):
            problems.append(Problem(path, "must be exactly one emoji"))

    return {RULE: rule}


def json_object() -> Metadata:
    """A JSON object that is passed on as it is: string keys, JSON values, not empty."""

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, Mapping):
            problems.append(Problem(path, f"must be an object, not {_kind(value)}"))
        elif not value:
            problems.append(Problem(path, "must not be empty"))
        else:
            _check_json(value, path, problems, depth=0)

    return {RULE: rule}


def array(item: Metadata, *, min: int = 1, max: int | None = None) -> Metadata:  # noqa: A002  see text
    """A list of *min* to *max* items, each of which obeys the rule of *item*."""
    item_rule = item[RULE]

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, tuple):
            problems.append(Problem(path, f"must be a list, not {_kind(value)}"))
            return
        if len(value) < min:
            at_least = "must not be empty" if min == 1 else f"must have at least {min} items, not {len(value)}"
            problems.append(Problem(path, at_least))
        elif max is not None and len(value) > max:
            problems.append(Problem(path, f"must have at most {max} items, not {len(value)}"))
        for index, each in enumerate(value):
            item_rule(each, f"{path}[{index}]", problems)

    return {RULE: rule}


def mapping_of(item: Metadata) -> Metadata:
    """A mapping, not empty, of names to values that obey the rule of *item*."""
    item_rule = item[RULE]

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, Mapping):
            problems.append(Problem(path, f"must be a mapping, not {_kind(value)}"))
            return
        if not value:
            problems.append(Problem(path, "must not be empty"))
        for key, each in value.items():
            if isinstance(key, str) and key:
                item_rule(each, f"{path}.{key}", problems)
            else:
                problems.append(Problem(path, "must have names for keys"))

    return {RULE: rule}


def is_http_url(link: str) -> bool:
    """Tell whether *link* is an absolute http or https URL with a host."""
    if not _URL_CHARACTERS.fullmatch(link):
        return False
    try:
        parts = urlsplit(link)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, an address in half a bracket
        return False


def _check_file_type(link: str, extensions: tuple[str, ...], path: str, problems: list[Problem]) -> None:
    found = file_extension(link)
    if found and found not in extensions:
        listed = ", ".join("." + extension for extension in extensions)
        problems.append(Problem(path, f"must be a file of type {listed}, not .{found}"))


def file_extension(link: str) -> str:
    """Give the extension that the path of *link* shows, in lower case and without its dot, or ``""``."""
    try:
        last = urlsplit(link).path.rpartition("/")[2]
    except ValueError:
        return ""
    stem, dot, extension = last.rpartition(".")
    if not (dot and stem and extension.isalnum()) or extension.isdigit():  # the version in /api/v1.2 is no file type
        return ""
    return extension.lower()


def as_tuple(value: object) -> object:
    """Turn a list (or another iterable that is no text and no mapping) into a tuple. Never raises."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return value
    return tuple(value)


def frozen_json(value: object) -> object:
    """Copy a JSON value, so that a later change of the caller's own dictionary changes no message. Never raises."""
    return _copy_json(value, depth=0)


_DEPTH = 64
"""How deep a custom object may nest. No published bound; none of the documented shapes reaches ten."""

_JSON_BITS = 1023
"""Whole numbers beyond this are infinite to most readers of JSON, and far beyond it Python refuses to write them."""


def _copy_json(value: object, *, depth: int) -> object:
    if depth > _DEPTH:
        return value
    if isinstance(value, Mapping):
        return {key: _copy_json(each, depth=depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_copy_json(each, depth=depth + 1) for each in value]
    return value


def _check_json(value: object, path: str, problems: list[Problem], *, depth: int) -> None:
    if depth > _DEPTH:
        problems.append(Problem(path, f"must not nest deeper than {_DEPTH} levels"))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str):
                problems.append(Problem(path, f"must have strings for keys, not {_kind(key)}"))
            elif _text_length(key, path, problems) is not None:
                _check_json(each, f"{path}.{key}", problems, depth=depth + 1)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_json(each, f"{path}[{index}]", problems, depth=depth + 1)
    else:
        _check_json_scalar(value, path, problems)


def _check_json_scalar(value: object, path: str, problems: list[Problem]) -> None:
    if isinstance(value, str):
        _text_length(value, path, problems)
    elif isinstance(value, float):
        if not isfinite(value):
            problems.append(Problem(path, "must be a finite number"))
    elif isinstance(value, int):
        if value.bit_length() > _JSON_BITS:
            problems.append(Problem(path, "must be a number that readers of JSON can hold: below 1.8e308"))
    elif value is not None:
        problems.append(Problem(path, f"must be a JSON value, not {_kind(value)}"))


def _text_length(value: object, path: str, problems: list[Problem], *, words: str = "must be text") -> int | None:
    """Give the length of a text in characters; write a problem and give ``None`` where it is no proper text."""
    if not isinstance(value, str):
        problems.append(Problem(path, f"{words}, not {_kind(value)}"))
        return None
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            problems.append(Problem(path, "must not contain half a surrogate pair: it cannot be sent as UTF-8"))
            return None
    if not value and words != "must be text":
        problems.append(Problem(path, words + ", not empty"))
    return len(value)


def _phone_number(value: object, path: str, problems: list[Problem]) -> None:
    if not isinstance(value, str):
        problems.append(Problem(path, f"must be a phone number written as text, not {_kind(value)}"))
    elif not E164.fullmatch(value):
        problems.append(Problem(path, _why_no_number(value, "7 to 15 digits")))


def _whatsapp_recipient(value: object, path: str, problems: list[Problem]) -> None:
    if not isinstance(value, str):
        problems.append(Problem(path, f"must be a phone number or a BSUID written as text, not {_kind(value)}"))
    elif not _WHATSAPP_NUMBER.fullmatch(value) and not BSUID.fullmatch(value):
        problems.append(Problem(path, _why_no_number(value, "or a BSUID: US.13491208655302741918")))


def _why_no_number(value: str, form: str) -> str:
    if value.startswith("0") and _DIGITS.fullmatch(value):
        return f"must begin with the country code, not with 0 ({masked(value)}): write 447700900000, not 07700900000"
    return f"must be a phone number with country code, such as 447700900000 ({form}), not {masked(value) or 'empty'}"


def _email_address(value: object, path: str, problems: list[Problem]) -> None:
    if _text_length(value, path, problems, words="must be an e-mail address") is None or not isinstance(value, str):
        return
    if not value:  # said already
        return
    local, at, domain = value.rpartition("@")
    if not (local and at and domain) or "@" in local or re.search(r"[\s<>,;:\"()\[\]\\]", value):
        problems.append(Problem(path, f"must be one e-mail address without a display name, not {masked(value)}"))


def _shown(value: float) -> str:
    """Write a number into a sentence; one that nobody would read is named by its size alone."""
    return "a far larger number" if isinstance(value, int) and value.bit_length() > 64 else str(value)  # noqa: PLR2004


def _kind(value: Any) -> str:
    """Name the type of *value* as a reader of JSON would; never the value itself, which may be private."""
    if value is None:
        return "null"
    return type(value).__name__
