"""
The limits of the providers behind the platform, for one sender or one pair of sender and recipient. Pure.

The platform accepts such a message, and a status reports the refusal. Limits that the platform answers by queueing
(carriers, limits section 2) are not here, and neither is the account's own rate: see ``rate.py``. The figures are
transcribed anew from the reference and not shared with ``vonage_messages.limits``.

Reference: limits, sections 4 (WhatsApp) and 5 (Messenger).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vonage_messages.values import Seconds

SCOPES: Final = ("sender", "pair")
_GRAIN: Seconds = 1e-6
"""A message may come this much early: the instants of a clock that counts from 1970 are no finer."""


@attrs.frozen(kw_only=True)
class ProviderLimit:
    """
    At most *burst* messages at once, and one more every *interval* seconds, of each sender or each pair.

    Raises:
        ConfigurationError: the scope is unknown, or a number cannot be.
    """

    channel: str
    """As in v1."""
    scope: str = attrs.field()
    """``sender``, or ``pair`` of sender and recipient."""
    interval: Seconds = attrs.field()
    burst: int = attrs.field()
    code: int
    """The error code of the status that reports the refusal."""
    message_types: frozenset[str] | None = None
    """Which messages count; ``None``: all."""

    @scope.validator
    def _known(self, _field: attrs.Attribute[str], value: object) -> None:
        if value not in SCOPES:
            raise ConfigurationError(f"a provider limits each {' or '.join(SCOPES)}, not each {value!r}")

    @interval.validator
    def _finite(self, _field: attrs.Attribute[float], value: float) -> None:
        if not 0 < value < math.inf:
            raise ConfigurationError(f"interval must be a finite number of seconds above 0, not {value!r}")

    @burst.validator
    def _whole(self, _field: attrs.Attribute[int], value: int) -> None:
        if value < 1:
            raise ConfigurationError(f"burst must be 1 or more, not {value!r}")


_CALLS = frozenset({"audio", "video"})
PUBLISHED: Final = (
    ProviderLimit(channel="whatsapp", scope="pair", interval=6.0, burst=45, code=131056),
    ProviderLimit(channel="whatsapp", scope="sender", interval=1 / 80, burst=80, code=130429),
    # The reference names no code: 1070 is "provider quota exceeded".
    ProviderLimit(channel="messenger", scope="sender", interval=1 / 300, burst=300, code=1070),
    ProviderLimit(channel="messenger", scope="sender", interval=1 / 10, burst=10, code=1070, message_types=_CALLS),
)
"""What the reference has, and how the platform reports it."""


class ProviderLimits:
    """Remembers who sent how much; the *maximum* that sent last are held."""

    def __init__(self, limits: Iterable[ProviderLimit], maximum: int) -> None:
        self._limits: dict[str, list[ProviderLimit]] = {}
        for limit in limits:
            self._limits.setdefault(limit.channel, []).append(limit)
        self._maximum = maximum
        self._free_at: OrderedDict[tuple[ProviderLimit, str, str], float] = OrderedDict()
        """When each key has its whole burst again."""

    def refused(self, channel: str, message_type: str, from_: str, to: str, now: float) -> int | None:
        """
        Count a message at *now* (unix seconds), and give the code of the limit that it passes, or ``None``.

        A message that is refused counts for nothing.
        """
        limits = self._limits.get(channel)
        if not limits:
            return None
        taken = {}
        for limit in limits:
            if limit.message_types is not None and message_type not in limit.message_types:
                continue
            key = (limit, from_, to if limit.scope == "pair" else "")
            free_at = max(self._free_at.get(key, now), now) + limit.interval
            if free_at - now > limit.burst * limit.interval + _GRAIN:
                return limit.code
            taken[key] = free_at
        for key, free_at in taken.items():
            self._free_at[key] = free_at
            self._free_at.move_to_end(key)
        while len(self._free_at) > self._maximum:
            self._free_at.popitem(last=False)
        return None

    def clear(self) -> None:
        """Forget who sent what."""
        self._free_at.clear()
