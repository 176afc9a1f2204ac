"""
What the platform says about speed: in the headers of an answer, and in a status. Pure: it reads, and waits for
nothing.

Reference: Messages API v1, section 1 (``Retry-After``, ``X-RateLimit-*``), and its table of error codes; limits,
sections 1 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import attrs

from vonage_messages.values import Seconds
from vonage_messages.webhooks.status import MessageStatus

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
class Lesson:
    """What a status teaches: which level was too fast, and for how long it should be quiet before it goes on slower."""

    level: Literal["sender", "pair"]
    pause: Seconds


LESSONS: Final[Mapping[int, Lesson]] = {
    131056: Lesson(level="pair", pause=6.0),  # limits, section 4: one message in six seconds to one user
    130429: Lesson(level="sender", pause=1.0),  # limits, section 4: throughput of the business number
    1241: Lesson(level="sender", pause=1.0),  # too many send requests to phone numbers
    1460: Lesson(level="sender", pause=3600.0),  # 10DLC: the day is used up; when it ends is not said, so ask hourly
    1461: Lesson(level="pair", pause=60.0),  # the provider limits marketing to this person
}
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
