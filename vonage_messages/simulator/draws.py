"""Chance that can be repeated: numbers that follow from a text. Pure, and cheaper to begin than ``Random``."""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final

_NUMBERS = struct.Struct("<16I")
_SIZE: Final = 2.0**32


class Draws:
    """An endless row of evenly spread numbers; the same *text* gives the same row."""

    def __init__(self, text: str) -> None:
        self._block = blake2b(text.encode()).digest()
        self._numbers: tuple[int, ...] = _NUMBERS.unpack(self._block)
        self._taken = 0

    def share(self) -> float:
        """Draw a number from 0 to 1, which is left out."""
        if self._taken == len(self._numbers):
            self._block = blake2b(self._block).digest()
            self._numbers = _NUMBERS.unpack(self._block)
            self._taken = 0
        number = self._numbers[self._taken]
        self._taken += 1
        return number / _SIZE

    def happens(self, share: float) -> bool:
        """Draw whether something happens that does so in *share* of all cases: never for 0, always for 1."""
        return self.share() < share

    def varied(self, average: float, spread: float) -> float:
        """Draw a number around *average* that is off by at most *spread*, a share of it."""
        return average * (1 + spread * (2 * self.share() - 1))
