"""
Who may be written to, asked again right before each message leaves.

A run takes hours: a STOP arrives meanwhile, and evening comes. So the lists are read again when their files change,
and a row is looked at twice, when it is claimed and when it is marked as sending. Whose recipient has opted out is
cancelled; whose recipient sleeps is held: it stays claimed, unsent, and waits again when the run ends.

What an opt-out is stands in ``vonage_messages.bulk.suppression``, when somebody sleeps in ``bulk.quiet_hours``.
"""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages import consent
from vonage_messages.bulk.quiet_hours import QuietHours
from vonage_messages.bulk.suppression import SuppressionList
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import ConfigurationError
from vonage_messages.ledger import Claimed, Event, Outcome
from vonage_messages.stores.sqlite.ledger import SqliteLedgerStore

if TYPE_CHECKING:
    import os

    from vonage_messages.values import Seconds

_LOOK_AGAIN: Final[Seconds] = 1.0
"""How often a run looks whether a list has changed."""

_ROUNDS: Final = 10
"""Recipients of one failover chain that share no waking hour after so many steps share none."""

_FINAL: Final = frozenset({Event.ACCEPT, Event.REFUSE, Event.LOSE})


class SuppressionFiles:
    """
    Lists of those who must not be written to, read again when a file changes.

    *column* is that of the lists which are CSV or JSON Lines; the others have one recipient a line.

    Raises:
        ConfigurationError: a file cannot be read, or holds what is no recipient: nobody would be suppressed by it.
    """

    def __init__(self, paths: Sequence[Path] = (), *, column: str | None = None) -> None:
        self._paths = tuple(paths)
        self._column = column
        self._stamps = self._looked_at()
        self._list = self._read()
        self._refuse_bad_rows()

    def __len__(self) -> int:
        return len(self._list)

    def covers(self, recipients: Sequence[str]) -> bool:
        """Tell whether one of *recipients* must not be written to."""
        return bool(self._paths) and any(self._list.is_suppressed(each) for each in recipients)

    async def refresh(self) -> None:
        """
        Read the files again if one has changed.

        Raises:
            ConfigurationError: one cannot be read any more, and the lists stay as they were; or one holds what is no
                recipient, and the others in it count.
        """
        if not self._paths:
            return
        stamps = self._looked_at()
        if stamps != self._stamps:
            self._list = await asyncio.to_thread(self._read)
            self._stamps = stamps
        self._refuse_bad_rows()

    def _looked_at(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [path.stat() for path in self._paths]
        except OSError as error:
            raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}.") from None
        # A pipe gives its list once, however often it seems to change: read again, it would suppress nobody.
        return tuple(
            (each.st_ino, each.st_size, each.st_mtime_ns) if stat.S_ISREG(each.st_mode) else (0, 0, 0) for each in found
        )

    def _read(self) -> SuppressionList:
        everybody = SuppressionList()
        for path in self._paths:
            has_columns = path.suffix.lower() in {".csv", ".tsv", ".jsonl", ".ndjson"}
            everybody.update(SuppressionList.read(path, column=self._column if has_columns else None))
        return everybody

    def _refuse_bad_rows(self) -> None:
        bad = self._list.bad_rows
        if bad:
            rows = "a row that is no recipient" if len(bad) == 1 else f"{len(bad)} rows that are no recipients"
            raise ConfigurationError(f"the suppression list holds {rows}, and would suppress too few: {bad[0]}")


@attrs.define(kw_only=True)
class Held:
    """Rows that a run did not send because their recipients sleep."""

    rows: int = 0
    never: int = 0
    """How many of them have no hour in which they may be sent, by what is known of their recipients."""

    until: datetime | None = None
    """When the first of the others may be sent."""

    def add(self, allowed: datetime | None) -> None:
        """Count a row that may be sent at *allowed*, or never."""
        self.rows += 1
        if allowed is None:
            self.never += 1
        elif self.until is None or allowed < self.until:
            self.until = allowed


class Screen:
    """Decides about the recipients of a message: clear, suppressed, or asleep."""

    def __init__(self, *, suppression: SuppressionFiles | None = None, quiet_hours: QuietHours | None = None) -> None:
        self.suppression = SuppressionFiles() if suppression is None else suppression
        self.quiet_hours = quiet_hours

    def is_suppressed(self, recipients: Sequence[str]) -> bool:
        """Tell whether one of *recipients* must not be written to."""
        return self.suppression.covers(recipients)

    def next_allowed(self, recipients: Sequence[str], now: datetime) -> datetime | None:
        """
        Give the first instant from *now* on at which none of *recipients* sleeps; ``None`` for: never.

        Raises:
            MissingExtraError: the extra ``[phone]`` is not installed.
        """
        if self.quiet_hours is None:
            return now
        instant = now
        for _ in range(_ROUNDS):
            latest = instant
            for recipient in recipients:
                allowed = self.quiet_hours.next_allowed(recipient, instant)
                if allowed is None:
                    return None
                latest = max(latest, allowed)
            if latest == instant:
                return instant
            instant = latest
        return None


class ScreenedStore(SqliteLedgerStore):
    """
    The rows of an outbox, as far as they may be sent now: a run over this store sends nothing else.

    *monotonic* gives seconds; it says when to look for changed lists again.
    """

    def __init__(
        self, path: str | os.PathLike[str], screen: Screen, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(path)
        self._screen = screen
        self._monotonic = monotonic
        self._looked = -_LOOK_AGAIN
        self._unreadable: ConfigurationError | None = None
        self._recipients: dict[int, tuple[str, ...]] = {}
        self.held = Held()
        """What was held since ``begin``."""
        self.cancelled = 0
        """How many rows were cancelled since ``begin`` because their recipients are suppressed."""

    def begin(self) -> None:
        """Count anew: another run begins."""
        self.held = Held()
        self.cancelled = 0
        self._recipients.clear()

    async def claim(self, owner: str, /, *, count: int, lease_until: float, now: float) -> list[Claimed]:
        """Claim pending rows that may be sent now; hold or cancel the others that come before them."""
        await self._look()
        if self._unreadable is not None:
            raise self._unreadable
        while True:  # ends: with the pending rows, each of which is claimed once
            rows = await super().claim(owner, count=count, lease_until=lease_until, now=now)
            if not rows:
                return []
            for row in rows:
                self._recipients[row.id] = recipients_of_payload(json.loads(row.payload))
            clear = await self._clear([row.id for row in rows], now)
            if clear:
                return [row for row in rows if row.id in clear]

    async def mark_sending(
        self,
        ids: Collection[int],
        /,
        *,
        owner: str,
        now: float,
        limits: Mapping[str, bytes | None] | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> Mapping[int, int]:
        """Mark the rows whose recipients may still be written to; the others are missing from the answer."""
        await self._look()
        if any(outcome.event is Event.KEEP for outcome in outcomes):
            await self.record(outcomes, now=now)  # a row that is tried again can be cancelled only then
            outcomes = ()
        self._forget(outcomes)
        clear = await self._clear(ids, now)
        wanted = [each for each in ids if each in clear]
        return await super().mark_sending(wanted, owner=owner, now=now, limits=limits, outcomes=outcomes)

    async def record(self, outcomes: Sequence[Outcome], /, *, now: float) -> frozenset[int]:
        """Take in how attempts ended, and forget the recipients of those that were the last."""
        self._forget(outcomes)
        return await super().record(outcomes, now=now)

    def _forget(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.event in _FINAL:
                self._recipients.pop(outcome.id, None)

    async def _clear(self, ids: Collection[int], now: float) -> frozenset[int]:
        """Give those of *ids* that may be sent; cancel and hold the others."""
        instant = datetime.fromtimestamp(now, UTC)
        clear, suppressed = [], []
        for each in ids:
            recipients = self._recipients.get(each, ())
            if self._screen.is_suppressed(recipients):
                suppressed.append(each)
                continue
            allowed = self._screen.next_allowed(recipients, instant)
            if allowed == instant:
                clear.append(each)
                continue
            self.held.add(allowed)
            self._recipients.pop(each, None)
        if suppressed:
            for each in suppressed:
                self._recipients.pop(each, None)
            self.cancelled += await self.cancel(suppressed, now=now)
        return frozenset(clear)

    async def _look(self) -> None:
        """
        Look whether the lists have changed.

        What cannot be read any more ends the run at its next claim, not the row that is about to leave.
        """
        now = self._monotonic()
        if now - self._looked < _LOOK_AGAIN:
            return
        self._looked = now
        try:
            await self._screen.suppression.refresh()
        except ConfigurationError as error:
            self._unreadable = error
        else:
            self._unreadable = None


def recipients_of(message: Message) -> tuple[str, ...]:
    """List everybody whom a message, or one that is sent in its place, goes to, the copies of an email among them."""
    return tuple(to for _, to, _ in consent.recipients_of(message) if to)


def recipients_of_payload(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Do the same for a request of either version of the API."""
    to = payload.get("to")
    if isinstance(to, str) and "failover" not in payload and "email" not in payload:  # most: a tenth of the time
        return (to,)
    return recipients_of(RawMessage(dict(payload)))
