"""Which line a recipient stood on first, for millions of them: 12 bytes and some air for each."""

from __future__ import annotations

import hashlib
from array import array

_FIRST_SIZE = 1024
_FULL = 0.6


class FirstLines:
    """
    A table of recipients and the line where each was first seen.

    It keeps eight bytes of a hash in place of the recipient: two of a million recipients are taken for one another
    once in forty million files.
    """

    __slots__ = ("_count", "_hashes", "_lines", "_mask")

    def __init__(self) -> None:
        self._count = 0
        self._mask = _FIRST_SIZE - 1
        self._hashes, self._lines = _tables(_FIRST_SIZE)

    def __len__(self) -> int:
        return self._count

    def seen_before(self, channel: str, recipient: str, line: int) -> int | None:
        """Give the line where *recipient* stood first on *channel*; where it is new, note *line* and give ``None``."""
        digest = hashlib.blake2b(f"{channel}\0{recipient}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "little") or 1  # 0 marks a free place
        place = self._place(key)
        if self._hashes[place]:
            return self._lines[place]
        self._hashes[place], self._lines[place] = key, line
        self._count += 1
        if self._count > _FULL * len(self._hashes):
            self._grow()
        return None

    def _place(self, key: int) -> int:
        hashes, mask = self._hashes, self._mask
        place = key & mask
        while hashes[place] and hashes[place] != key:
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        pairs = zip(self._hashes, self._lines, strict=True)
        size = 2 * len(self._hashes)
        self._mask = size - 1
        self._hashes, self._lines = _tables(size)
        for key, line in pairs:
            if key:
                place = self._place(key)
                self._hashes[place], self._lines[place] = key, line


def _tables(size: int) -> tuple[array[int], array[int]]:
    return array("Q", bytes(8 * size)), array("I", bytes(array("I").itemsize * size))
