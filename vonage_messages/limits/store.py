"""Where limits survive the process: ``LimitStore``, and one in memory for processes that need none to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class LimitStore(Protocol):
    """
    Keeps one snapshot of limits: a JSON object, opaque to the store.

    One store belongs to one limiter at a time. A daily cap is only as good as its store.
    """

    async def load(self) -> Mapping[str, Any] | None:
        """
        Give the last snapshot; ``None`` where none was ever saved.

        Raises:
            StoreUnavailableError: it cannot be read. Nothing is sent then: what was used is not known.
        """

    async def save(self, snapshot: Mapping[str, Any], /) -> None:
        """
        Keep *snapshot* in place of the last one, so that a loss of power does not lose it.

        Raises:
            StoreUnavailableError: it cannot be written.
        """


class MemoryLimitStore:
    """
    Keeps the snapshot as long as this object lives.

    It stands for "whatever was sent before this program began does not count": for tests, and for programs whose caps
    begin anew with them.
    """

    def __init__(self) -> None:
        self._snapshot: Mapping[str, Any] | None = None

    async def load(self) -> Mapping[str, Any] | None:
        """Give the last snapshot."""
        return self._snapshot

    async def save(self, snapshot: Mapping[str, Any], /) -> None:
        """Keep *snapshot*."""
        self._snapshot = snapshot
