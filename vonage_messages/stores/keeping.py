"""For how long stores that several processes share remember callbacks."""

from __future__ import annotations

from typing import Final

from vonage_messages.errors import ConfigurationError
from vonage_messages.values import Seconds, is_finite

KEEP: Final[Seconds] = 26 * 60 * 60.0
"""A little longer than the platform repeats a callback (Webhooks, section 7: 24 hours)."""

LEASE: Final[Seconds] = 120.0
"""For how long a callback may be in the works before whoever handles it is taken to be dead."""


def check_keeping(keep: Seconds, lease: Seconds) -> None:
    """
    Refuse spans in which nothing would be remembered.

    Raises:
        ConfigurationError: in one sentence.
    """
    if not all(is_finite(span) and span > 0 for span in (keep, lease)):
        raise ConfigurationError("keep and lease must be finite numbers of seconds above 0.")
