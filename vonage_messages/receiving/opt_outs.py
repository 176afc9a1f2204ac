"""
``OptOuts``: hears STOP and START on a router, and is asked before every message leaves.

What says so, and the list itself, stand in ``vonage_messages.consent``.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from vonage_messages.consent import (
    OptOutList,
    OptOutRecord,
    Wish,
    checked_person,
    normalized,
    people_of,
    recipients_of,
    wish_of,
)
from vonage_messages.errors import ConfigurationError, OptedOutError, StoreUnavailableError
from vonage_messages.logs import LogEvent, about
from vonage_messages.values import masked
from vonage_messages.webhooks.inbound import InboundMessage

if TYPE_CHECKING:
    from vonage_messages.channels.base import Message
    from vonage_messages.consent import OptOutStore
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.routing import Router
    from vonage_messages.webhooks.status import MessageStatus

_LOGGER = logging.getLogger(__name__)

_LOOK_AGAIN: Final[Seconds] = 1.0
"""How often a store is asked for what others have written."""


class OptOuts:
    """
    Who has opted out: filled by webhooks, and asked by clients, queues and outboxes.

    ::

        opt_outs = OptOuts(router, store=OptOutFile("opt-outs.txt"))
        client = Client(auth, guards=[opt_outs])

    On *router* it hears every inbound message, without keeping any from its other handlers: a text, a button or a reply
    that says STOP (or STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, and the usual words of other languages) opts its author
    out, START and UNSTOP opt in again. Everything that WhatsApp calls a person counts as that person.

    *per_sender*: what is said to one of your senders counts for that one; otherwise for all. *store*: an
    ``OptOutStore`` such as ``OptOutFile``, read at once, and looked at again once a second, so that several processes
    may share it; without one the list lives as long as this object. *exempt*: a function of the message that tells
    which ones go out all the same, such as the one confirmation of a STOP. *wish_of*: another reading of what people
    say. *monotonic* gives seconds; it says when to look again. *clock* gives unix seconds, for ``opt_out``.

    Raises:
        StoreUnavailableError, ConfigurationError: the store cannot be read, or holds what is no recipient.
    """

    def __init__(  # noqa: PLR0913  one router; what follows it are options, by name
        self,
        router: Router | None = None,
        *,
        store: OptOutStore | None = None,
        per_sender: bool = False,
        exempt: Callable[[Message], object] | None = None,
        wish_of: Callable[[InboundMessage], Wish | None] = wish_of,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        for name, function in (("exempt", exempt), ("wish_of", wish_of)):
            if function is not None and not callable(function):
                raise ConfigurationError(f"{name} must be a function, not {type(function).__name__}.")
        self._store = store
        self._per_sender = per_sender
        self._exempt = exempt
        self._wish_of = wish_of
        self._monotonic = monotonic
        self._clock = clock
        self._list = OptOutList()
        self._lock = threading.Lock()  # of the store: a thread appends while another may look
        self._looked = monotonic()
        self._is_unreadable = False
        self._unkept: dict[tuple[str, str | None], OptOutRecord] = {}
        """What the store does not hold yet: it counts whatever is read there."""
        self._stopped_at: dict[str, dict[str | None, datetime]] = {}
        """When whoever has opted out here said so, by sender: a START that was written before that may come later."""

        if store is not None:
            self._take_news(store)
        if router is not None:
            router.event()(self.observe)

    def __repr__(self) -> str:
        return f"OptOuts(<{len(self)} people>)"

    def __len__(self) -> int:
        """Count the people who have opted out."""
        return len(self._list)

    def __bool__(self) -> bool:
        return True  # an empty list is a list: `if opt_outs:` asks whether there is one

    async def observe(self, event: InboundMessage | MessageStatus) -> Wish | None:
        """
        Take an event in, and tell what it says about being written to. The router calls it.

        Callbacks may come late, and in any order: a START that was written before the last STOP says nothing.

        Raises:
            StoreUnavailableError: it cannot be kept: let the platform call again. It counts in this process already.
        """
        if not isinstance(event, InboundMessage):
            return None
        wish = self._wish_of(event)
        people = people_of(event) if wish is not None else ()
        if wish is None or not people:
            return None
        word = "STOP" if wish is Wish.OPT_OUT else "START"
        at = event.timestamp or datetime.now(UTC)
        note = f"{word}, {event.channel}, {at.isoformat(timespec='seconds')}"
        sender = normalized(event.to) if self._per_sender and event.to else None
        if wish is Wish.OPT_OUT:
            self._note_stop(people, sender, at)
        elif self._is_taken_back(people, sender, at):
            return None
        await self._keep([OptOutRecord(person=each, wish=wish, sender=sender, note=note) for each in people])
        return wish

    def _note_stop(self, people: Iterable[str], sender: str | None, at: datetime) -> None:
        """Note when a STOP was said. It always counts: at worst, somebody is left alone who has changed his mind."""
        for person in people:
            stops = self._stopped_at.setdefault(person, {})
            stops[sender] = max(at, stops.get(sender, at))

    def _is_taken_back(self, people: Iterable[str], sender: str | None, at: datetime) -> bool:
        """
        Tell whether a START comes again, or late: it must not take back a STOP that was said since it was written.

        One to all senders would take back what was said to any of them.
        """
        stops = (stop for person in people for stop in self._stopped_at.get(person, {}).items())
        return any(said_at > at and (sender is None or to in {None, sender}) for to, said_at in stops)

    async def opt_out(self, person: str, *, sender: str | None = None, note: str = "") -> None:
        """
        Let nobody write to *person*, or not *sender*; for wishes that came by other ways, a call or a letter.

        It is a wish of this moment: a START that was written before it, and comes late, does not take it back.

        Raises:
            ConfigurationError: *person* is no recipient.
            StoreUnavailableError: it cannot be kept. It counts in this process already.
        """
        record = _record(person, Wish.OPT_OUT, sender, note)
        self._note_stop([record.person], record.sender, datetime.fromtimestamp(self._clock(), UTC))
        await self._keep([record])

    async def opt_in(self, person: str, *, sender: str | None = None, note: str = "") -> None:
        """
        Let *person* be written to again, by everybody, or by *sender*.

        Raises:
            ConfigurationError, StoreUnavailableError: as ``opt_out`` does.
        """
        await self._keep([_record(person, Wish.OPT_IN, sender, note)])

    def covers(self, to: str, sender: str | None = None) -> bool:
        """Tell whether *to* must not be written to by *sender*; without one: by anybody at all."""
        self._look_if_due()
        return self._list.covers(to, sender)

    def __contains__(self, to: object) -> bool:
        return isinstance(to, str) and self.covers(to)

    def admit(self, message: Message, /) -> None:
        """
        Let *message* pass, unless one of those whom it may reach has opted out: failover and copies count, too.

        Raises:
            OptedOutError: it must not be sent.
        """
        self._look_if_due()
        for path, to, sender in recipients_of(message):
            if self._list.covers(to, sender):
                if self._exempt is not None and self._exempt(message):
                    return
                raise OptedOutError(masked(to), path)

    async def _keep(self, records: list[OptOutRecord]) -> None:
        for record in records:  # first of all: whatever becomes of the disk, nobody here writes to them any more
            self._list.take(record)
        if self._store is not None:
            self._unkept |= {(record.person, record.sender): record for record in records}
            await asyncio.to_thread(self._append, self._store, records)

    def _append(self, store: OptOutStore, records: list[OptOutRecord]) -> None:
        with self._lock:
            # The last word of each person: threads may come here in another order than the wishes.
            names = dict.fromkeys((record.person, record.sender) for record in records)
            last = {name: self._unkept[name] for name in names if name in self._unkept}
            if last:
                store.append(list(last.values()))
            for name, record in last.items():
                if self._unkept[name] is record:
                    del self._unkept[name]

    def _look_if_due(self) -> None:
        """Take in what others have written; where that cannot be read, what is known still holds."""
        if self._store is None:
            return
        now = self._monotonic()
        if now - self._looked < _LOOK_AGAIN or not self._lock.acquire(blocking=False):
            return
        try:
            self._looked = now
            self._take_news(self._store)
        except (StoreUnavailableError, ConfigurationError) as error:
            if not self._is_unreadable:
                _LOGGER.warning(
                    "the opt-outs cannot be read again, and those that are known still count: %s",
                    error,
                    extra=about(LogEvent.OPT_OUTS_STALE),
                )
            self._is_unreadable = True
        else:
            self._is_unreadable = False
        finally:
            self._lock.release()

    def _take_news(self, store: OptOutStore) -> None:
        afresh, records = store.news()
        found = OptOutList() if afresh else self._list
        for record in (*records, *self._unkept.values()):
            found.take(record)
        self._list = found


def _record(person: str, wish: Wish, sender: str | None, note: str) -> OptOutRecord:
    try:
        name = checked_person(person)
    except ConfigurationError as error:
        raise ConfigurationError(f"a recipient {error}.") from None
    return OptOutRecord(person=name, wish=wish, sender=None if sender is None else normalized(sender), note=note)
