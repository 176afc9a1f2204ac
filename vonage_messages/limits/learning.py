"""
What the platform says about speed: in the headers of an answer, and in a status. Pure: it reads, and waits for
nothing.

Reference: Messages API v1, section 1 (``Retry-After``, ``X-RateLimit-*``), and its table of error codes; limits,
sections 1 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import attrs

from vonage_messages.values import Seconds
from vonage_messages.webhooks.status import MessageStatus

LONGEST_PAUSE: Seconds = 300.0
"""
The longest pause that a 429 is believed, where a ``Limiter`` is not told otherwise. A ``Retry-After`` of hours would
stop an account for as long, and one 429 every five minutes is what it costs to find out.
"""

DEFAULT_PAUSE: Seconds = 1.0
"""How long a 429 pauses the account when it does not say how long."""

LONGEST_RESET: Seconds = 60.0
"""
The longest pause that ``X-RateLimit-Reset`` is believed. The reference calls it a unix timestamp and shows
milliseconds, and calls the limit hourly where it is known to be one of seconds: a wrong hour would stop an account
for nothing.
"""

_MILLISECONDS_FROM = 1e11  # as seconds, that is the year 5138


@attrs.frozen(kw_only=True)
class Pause:
    """A limit that is closed for a while, because the platform asked for it."""

    key: str
    """Which limit, masked: ``account``, ``sender whatsapp/14*******00``."""

    until: datetime
    """When it opens again, in UTC."""

    why: str
    """What the platform said: ``HTTP 429, Retry-After: 7200``, ``a status says 131056``."""


@attrs.frozen(kw_only=True)
class Lesson:
    """What a status teaches: which level was too fast, and for how long it should be quiet before it goes on slower."""

    code: int
    level: Literal["sender", "pair"]
    pause: Seconds


_LESSONS: Final = (
    Lesson(code=131056, level="pair", pause=6.0),  # limits, section 4: one message in six seconds to one user
    Lesson(code=130429, level="sender", pause=1.0),  # limits, section 4: throughput of the business number
    Lesson(code=1241, level="sender", pause=1.0),  # too many send requests to phone numbers
    Lesson(
        code=1460, level="sender", pause=3600.0
    ),  # 10DLC: the day is used up; when it ends is not said, so ask hourly
    Lesson(code=1461, level="pair", pause=60.0),  # the provider limits marketing to this person
)

LESSONS: Final[Mapping[int, Lesson]] = {lesson.code: lesson for lesson in _LESSONS}
"""By code, of Vonage or of the provider."""

_CODES = re.compile(r"(?<![0-9])(?:131056|130429)(?![0-9])")


def pause_of(retry_after: Seconds | None, headers: Mapping[str, str], unix_now: float) -> Seconds:
    """Read from a 429 how long to be quiet: ``Retry-After``, else ``X-RateLimit-Reset``, else a second."""
    if retry_after is not None:
        return retry_after
    reset = _reset(headers, unix_now)
    return DEFAULT_PAUSE if reset is None else reset


def pause_when_used_up(headers: Mapping[str, str], unix_now: float) -> Seconds | None:
    """Read from an answer that was accepted how long to be quiet: it says that nothing remains; mostly ``None``."""
    remaining = headers.get("X-RateLimit-Remaining") or headers.get("x-ratelimit-remaining")
    if remaining is None or remaining.strip() != "0":
        return None
    return _reset(headers, unix_now)


def lesson_of(status: MessageStatus) -> Lesson | None:
    """Find what a status teaches; most teach nothing. The provider's codes stand in the words of the error, too."""
    error = status.error
    if error is None:
        return None
    if error.code is not None and error.code in LESSONS:
        return LESSONS[error.code]
    found = _CODES.search(" ".join(str(part) for part in (error.title, error.detail, error.type) if part))
    return LESSONS[int(found[0])] if found else None


def _reset(headers: Mapping[str, str], unix_now: float) -> Seconds | None:
    text = next((value for key, value in headers.items() if key.lower() == "x-ratelimit-reset"), None)
    try:
        instant = float(text or "")
    except ValueError:
        return None
    if instant >= _MILLISECONDS_FROM:
        instant /= 1000
    wait = instant - unix_now
    return min(wait, LONGEST_RESET) if wait > 0 else None
