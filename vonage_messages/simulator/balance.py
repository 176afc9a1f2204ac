"""The money of the simulated account. Whether a message is paid for is asked here; the answer 402 is made elsewhere."""

from __future__ import annotations

from decimal import Decimal

from vonage_messages.errors import ConfigurationError


class Balance:
    """
    An amount that falls by *price* with every accepted message, for an SMS with every part; ``None`` never runs out.

    A failover chain is charged as one message: the others are charged only when they are sent (limits, Account).

    Raises:
        ConfigurationError: *price* is negative, or one of the two is not a finite number.
    """

    def __init__(self, amount: Decimal | None, price: Decimal) -> None:
        if not price.is_finite() or price < 0:
            raise ConfigurationError(f"price must be a Decimal of 0 or more, not {price}")
        if amount is not None and not amount.is_finite():
            raise ConfigurationError(f"balance must be a finite Decimal or None, not {amount}")
        self.amount = amount
        self.price = price

    def charge(self, parts: int = 1) -> bool:
        """Pay for a message of *parts*, and tell whether the amount was enough; it is left alone where it was not."""
        if self.amount is None:
            return True
        cost = self.price * parts
        if self.amount < cost or self.amount <= 0:
            return False
        self.amount -= cost
        return True
