"""
What messages did cost: ``UsageTotals`` adds up ``usage`` from statuses.

What they will cost is in ``vonage_messages.pricing``. Reference: webhooks, "Message status, v1" (``usage``) and "Status
values" (when a channel charges).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.webhooks.timeline import rank

if TYPE_CHECKING:
    from vonage_messages.webhooks.inbound import InboundMessage
    from vonage_messages.webhooks.routing import Router

_NOTHING = Decimal(0)


@attrs.frozen(kw_only=True, order=True)
class UsageKey:
    """What is added up by itself: the *day* is that of the first status with a price, in UTC; ``None``: unknown."""

    channel: str
    currency: str
    sender: str
    day: date | None = attrs.field(order=lambda day: day or date.min)


@attrs.frozen(kw_only=True)
class UsageTotal:
    """What the messages of one key did cost."""

    messages: int
    cost: Decimal


class _Counted(NamedTuple):
    """What one message counts for, and the rank of the status that said so."""

    key: UsageKey
    price: Decimal
    rank: int


class UsageTotals:
    """
    Adds up what messages did cost, by channel, currency, sender and day, as statuses tell it.

    ::

        usage = UsageTotals(router)
        …
        usage.cost(channel="sms")          # {"EUR": Decimal("12.40")}

    On *router* it hears every status, without keeping any from its other handlers. Statuses come several times, and in
    any order: each message counts once, by the price in the status of the highest rank, on the day of the earliest. It
    remembers the last *maximum* messages for that; a repetition that comes after so many others counts anew. A WhatsApp
    message has the price 0 under per-message pricing, and statuses of RCS and email have none: those do not count.

    It belongs to one thread, and lives as long as this object.

    Raises:
        ConfigurationError: *maximum* is less than 1.
    """

    def __init__(self, router: Router | None = None, *, maximum: int = 100_000) -> None:
        if maximum < 1:
            raise ConfigurationError("maximum must be 1 or more.")
        self._maximum = maximum
        self._messages: OrderedDict[str, _Counted] = OrderedDict()
        self._totals: dict[UsageKey, UsageTotal] = {}
        if router is not None:
            router.event()(self.observe)

    def __repr__(self) -> str:
        return f"UsageTotals({', '.join(f'{cost} {currency}' for currency, cost in sorted(self.cost().items()))})"

    async def observe(self, event: InboundMessage | MessageStatus) -> None:
        """Take an event in. The router calls it; it never fails and never waits."""
        if isinstance(event, MessageStatus):
            self.add(event)

    def add(self, status: MessageStatus) -> bool:
        """Count what *status* says; tell whether that has changed anything."""
        usage = status.usage
        if usage is None or usage.price is None or not usage.currency or not status.message_uuid:
            return False
        day = None if status.timestamp is None else status.timestamp.astimezone(UTC).date()
        key = UsageKey(channel=status.channel, currency=usage.currency, sender=status.from_, day=day)
        counted = _Counted(key, usage.price, rank(status.status))
        known = self._messages.pop(status.message_uuid, None)
        if known is not None:
            counted = _joined(known, counted)
        self._messages[status.message_uuid] = counted
        if known is not None and known[:2] == counted[:2]:
            return False
        if known is not None:
            self._change(known, -1)
        self._change(counted, 1)
        if len(self._messages) > self._maximum:
            self._messages.popitem(last=False)
        return True

    def totals(self) -> Mapping[UsageKey, UsageTotal]:
        """Give all that was added up, in order."""
        return dict(sorted(self._totals.items()))

    def cost(
        self, *, channel: str | None = None, sender: str | None = None, day: date | None = None
    ) -> Mapping[str, Decimal]:
        """Give what the messages of a channel, a sender, a day did cost, or all of them; by currency."""
        found: dict[str, Decimal] = {}
        for key, total in self._chosen(channel, sender, day):
            found[key.currency] = found.get(key.currency, _NOTHING) + total.cost
        return found

    def messages(self, *, channel: str | None = None, sender: str | None = None, day: date | None = None) -> int:
        """Count the messages of a channel, a sender, a day, or all of them, that had a price."""
        return sum(total.messages for _, total in self._chosen(channel, sender, day))

    def _chosen(self, channel: str | None, sender: str | None, day: date | None) -> list[tuple[UsageKey, UsageTotal]]:
        return [
            (key, total)
            for key, total in self._totals.items()
            if channel in (None, key.channel) and sender in (None, key.sender) and day in (None, key.day)
        ]

    def _change(self, counted: _Counted, messages: int) -> None:
        total = self._totals.get(counted.key, UsageTotal(messages=0, cost=_NOTHING))
        changed = UsageTotal(messages=total.messages + messages, cost=total.cost + messages * counted.price)
        if changed.messages:
            self._totals[counted.key] = changed
        else:
            self._totals.pop(counted.key, None)


def _joined(known: _Counted, new: _Counted) -> _Counted:
    """Put together what two statuses of one message say: the price of the higher rank, and the earlier day."""
    better = new if new.rank > known.rank else known
    days = [day for day in (known.key.day, new.key.day) if day is not None]
    return better._replace(key=attrs.evolve(better.key, day=min(days, default=None)))
