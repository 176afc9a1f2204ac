"""What a budget has left for the rows of an outbox."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, cast

from vonage_messages.ledger import State
from vonage_messages.sending.outbox_rows import RowMessage
from vonage_messages.spending import Budget, Spending
from vonage_messages.wire.payloads import from_payload

if TYPE_CHECKING:
    from vonage_messages.ledger import LedgerStore
    from vonage_messages.wire.payloads import ApiVersion

_SPENT = (State.ACCEPTED, State.SENDING, State.IN_DOUBT)
"""Rows that cost something, or may have."""


class RowSpending:
    """What a budget has left for the rows of an outbox."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._spending = Spending(budget)
        self._taken: dict[int, Decimal] = {}

    async def count(self, store: LedgerStore) -> None:
        """Count what earlier runs have used up."""
        counts = await store.counts()
        self._spending.add(sum(counts.get(state, 0) for state in _SPENT), Decimal(0))
        if self._budget.cost is None:
            return
        async for row in store.rows(*_SPENT):
            self._spending.add(0, self._price(RowMessage(row)) or Decimal(0))

    def has_price(self, message: RowMessage) -> bool:
        """Tell whether it is known what a message costs, where that matters."""
        return self._price(message) is not None

    def take(self, message: RowMessage) -> str | None:
        """Take a message out of the budget; say why, if that cannot be."""
        cost = self._price(message) or Decimal(0)
        why_not = self._spending.take(cost)
        if why_not is None:
            self._taken[message.row.id] = cost
        return why_not

    def settle(self, row_id: int, *, sent: bool) -> None:
        """Note whether the message of a row was sent, or may have been; if not, its part goes to others."""
        cost = self._taken.pop(row_id)
        if not sent:
            self._spending.give_back(cost)

    def _price(self, message: RowMessage) -> Decimal | None:
        if self._budget.cost is None:
            return Decimal(0)
        version = cast("ApiVersion", message.row.version)
        return self._budget.price(from_payload(dict(message.payload), version, lenient=True))
