"""
What may be spent: ``Budget``, how much of it is used up, and ``BudgetGuard``, which stops before it is passed.

A run of an outbox counts its rows by the same rules. What messages cost is known by ``vonage_messages.pricing``, what
they did cost by ``vonage_messages.usage``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.errors import BudgetExceededError, ConfigurationError
from vonage_messages.values import Seconds, is_finite

if TYPE_CHECKING:
    from vonage_messages.channels.base import Message
    from vonage_messages.pricing import PriceTable

_NOTHING: Final = Decimal(0)


@attrs.frozen(kw_only=True)
class Budget:
    """
    What may be used up: so many messages, or so much money.

    ``messages``: how many; ``cost``: how much, by *prices*. A message with failover counts as much as the dearest of
    its chain: the platform sends the next one only where the one before was rejected. Without a price for each of them
    it is not sent under a ``cost``.

    For an outbox it holds over all of its runs: rows that may have been sent count, whichever run sent them. A row
    counts once, also where the policy has it sent again; and each run counts what it finds when it begins, so that two
    which run at once may together use up more. For clients and queues there is ``BudgetGuard``.

    Raises:
        ConfigurationError: *cost* without *prices*, or a number below 0.
    """

    messages: int | None = None
    cost: Decimal | None = None
    prices: PriceTable | None = None

    def __attrs_post_init__(self) -> None:
        if self.cost is not None and self.prices is None:
            raise ConfigurationError("a budget of cost= needs prices=.")
        if (self.messages is not None and self.messages < 0) or (self.cost is not None and not _is_amount(self.cost)):
            raise ConfigurationError("a budget must be 0 or more.")

    def price(self, message: Message) -> Decimal | None:
        """Give what *message* takes out of it; ``None`` where it has no price, and there is a ``cost``."""
        if self.cost is None or self.prices is None:
            return _NOTHING
        chain = (message, *(message.failover or ()))
        prices = [self.prices.cost(each) for each in chain]
        known = [price for price in prices if price is not None]
        return max(known) if len(known) == len(prices) else None


def _is_amount(cost: Decimal) -> bool:
    """Tell whether it is 0 or more: what is no number cannot be compared."""
    return not Decimal(cost).is_nan() and cost >= 0


class Spending:
    """How much of a budget is used up."""

    __slots__ = ("budget", "cost", "messages")

    def __init__(self, budget: Budget) -> None:
        self.budget: Budget = budget
        self.messages = 0
        self.cost = _NOTHING

    def add(self, messages: int, cost: Decimal) -> None:
        """Count what was used up already."""
        self.messages += messages
        self.cost += cost

    def take(self, cost: Decimal) -> str | None:
        """Take a message out of the budget; say why, if that cannot be."""
        budget = self.budget
        if budget.messages is not None and self.messages + 1 > budget.messages:
            return f"the budget of {budget.messages} messages is used up"
        if budget.cost is not None and self.cost + cost > budget.cost:
            return f"the budget of {budget.cost} would be passed by the next message ({self.cost} are used)"
        self.add(1, cost)
        return None

    def give_back(self, cost: Decimal) -> None:
        """Put a message back that was certainly not sent."""
        self.add(-1, -cost)


@attrs.frozen(kw_only=True)
class Spent:
    """What was used up: how many messages, and how much they cost by the price table."""

    messages: int
    cost: Decimal


class BudgetGuard:
    """
    Stops a client or a queue before a budget is passed.

    ::

        budget = Budget(cost=Decimal("100"), prices=prices)
        client = Client(auth, guards=[BudgetGuard(budget, per=86_400)])     # 100 EUR a day, in UTC

    A message is counted before it leaves, and given back where it was certainly not sent; what may have been sent
    counts. With *per* the budget is new after so many seconds: spans are counted from 1970 in UTC, so that 86,400 is a
    day and 3,600 an hour. Without it, it is for good. It counts in the memory of this process and begins with nothing
    used up: an outbox counts its own rows durably. Several clients and queues of one event loop may share it.

    *clock* gives unix seconds.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(self, budget: Budget, *, per: Seconds | None = None, clock: Callable[[], float] = time.time) -> None:
        if not isinstance(budget, Budget):
            raise ConfigurationError(f"a BudgetGuard needs a Budget, not {type(budget).__name__}.")
        if per is not None and (not is_finite(per) or per <= 0):
            raise ConfigurationError(f"per must be a finite number of seconds above 0, not {per!r}.")
        self._budget = budget
        self._per = per
        self._clock = clock
        self._number = self._span()
        self._spending = Spending(budget)

    def __repr__(self) -> str:
        spent = self.spent
        return f"BudgetGuard({self._budget!r}, messages={spent.messages}, cost={spent.cost})"

    @property
    def spent(self) -> Spent:
        """What is used up of the budget that counts now."""
        spending = self._current()
        return Spent(messages=spending.messages, cost=spending.cost)

    def admit(self, message: Message, /) -> Callable[[], object]:
        """
        Count *message*, unless the budget would be passed.

        Raises:
            BudgetExceededError: it must not be sent.
        """
        cost = self._budget.price(message)
        if cost is None:
            raise BudgetExceededError(
                "the message has no price in the price table, and there is a budget of cost. It was not sent."
            )
        spending = self._current()
        why_not = spending.take(cost)
        if why_not is not None:
            raise BudgetExceededError(f"{why_not}. The message was not sent.")
        return lambda: spending.give_back(cost)  # to the span from which it was taken, also where another has begun

    def _current(self) -> Spending:
        number = self._span()
        if number != self._number:
            self._number, self._spending = number, Spending(self._budget)
        return self._spending

    def _span(self) -> int:
        return 0 if self._per is None else int(self._clock() // self._per)
