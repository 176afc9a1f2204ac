"""The money of the simulated account. Whether a message is paid for is asked here; the answer 402 is made elsewhere."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from vonage_messages.errors import ConfigurationError

_MOST_DIGITS: Final = 12
_DIGITS: Final = f"of at most {_MOST_DIGITS} digits before the point and behind it"


class Balance:
    """
    An amount that falls by *price* with every accepted message, for an SMS with every part; ``None`` never runs out.

    A failover chain is charged as one message: the others are charged only when they are sent (limits, Account).

    Raises:
        ConfigurationError: *price* is negative, or one of the two is no amount of money: not finite, or with more than
            12 digits before the point or behind it.
    """

    def __init__(self, amount: Decimal | None, price: Decimal) -> None:
        if not _is_money(price) or price < 0:
            raise ConfigurationError(f"price must be a Decimal of 0 or more, {_DIGITS}, not {price}")
        if amount is not None and not _is_money(amount):
            raise ConfigurationError(f"balance must be a finite Decimal or None, {_DIGITS}, not {amount}")
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


def _is_money(amount: Decimal) -> bool:
    # A larger exponent would not be exact any more, or written out fill the memory: 1e999999999.
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DIGITS and amount.adjusted() < _MOST_DIGITS
