"""
How messages end, and the queue with them: outcomes, those who wait for room or for quiet, and a loop that shuts down.

The lowest of four floors of a queue's ``Engine``: above it stands ``Requesting``, which sends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from vonage_messages.errors import QueueClosedError, QueueFullError, ResponseLostError, VonageMessagesError
from vonage_messages.limiter import turns_of
from vonage_messages.limits.places import Place, Priority
from vonage_messages.limits.schedule import Schedule
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.counters import Counters
from vonage_messages.sending.listening import Listener
from vonage_messages.sending.outcome import Outcome, SendFuture, resolve
from vonage_messages.sending.stream import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vonage_messages.limiter import Limiter
    from vonage_messages.observe import QueuedSend
    from vonage_messages.values import Seconds
    from vonage_messages.wire.rest import SentMessage

logger = logging.getLogger("vonage_messages")


class Endings(ABC):
    """Tells everybody what became of a message, once; and who waits for the queue, when there is nothing left to do."""

    _lookout: asyncio.Task[None] | None = None
    """Whoever cancels all tasks cancels this one, and nothing else does."""

    def __init__(self, *, limiter: Limiter, maxsize: int, on_outcome: Callable[[Outcome], object] | None) -> None:
        self.limiter = limiter
        self._turns = turns_of(limiter)
        self._maxsize = maxsize
        self._on_outcome = Listener("on_outcome", on_outcome, self._note_if_quiet)
        self._counters = Counters()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock: Callable[[], float] = time.monotonic
        self._schedule: Schedule | None = None
        self._workers: set[asyncio.Task[None]] = set()
        self._sending = 0
        self._room: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._quiet: list[asyncio.Future[None]] = []
        self._held: set[asyncio.Future[None]] = set()
        self._traces: dict[Place, QueuedSend] = {}
        """Who has submitted what waits, and what it is about; empty where nothing watches the process."""
        self._forget_future = self._forget  # one bound method for all futures: 64 bytes less for each
        self._closed = False
        self._halted = False
        """Whether the loop shuts down: connections have been cancelled."""
        self._left_behind = 0
        """How many were not sent because of that."""

    @abstractmethod
    def bind(self) -> Schedule:
        """Belong to the running loop from the first use on."""

    def __len__(self) -> int:
        """Count the messages that wait."""
        return 0 if self._schedule is None else self._schedule.waiting

    @property
    def sending(self) -> int:
        """How many requests are under way."""
        return self._sending

    @property
    def closed(self) -> bool:
        """Whether no more messages are taken."""
        return self._closed

    @property
    def schedule(self) -> Schedule:
        """Those who wait; for whoever gives turns."""
        return self.bind() if self._schedule is None else self._schedule

    def stop(self, error: VonageMessagesError) -> None:
        """Let everybody who waits fail: limits cannot be kept."""
        for place in self.bind().drain():
            self._finish(place, error)

    def _now(self) -> float:
        """Read the clock of the loop that the queue belongs to."""
        return self._clock()

    def _loop_of_queue(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop() if self._loop is None else self._loop

    def _is_quiet(self) -> bool:
        return not (self._sending or len(self) or self._on_outcome.pending)

    def _check_open(self) -> None:
        if self._closed or self._halted:
            raise QueueClosedError("the queue is closed and takes no more messages.")

    def _wrap(self, item: Any, priority: Priority, since: float) -> Place:
        """Make the place of what waited as itself, when its turn comes."""
        if item.__class__ is Entry:  # first, and by its class: map() sends the most
            place = item.place = Place(item.message, priority, since, item)
            return place
        if isinstance(item, SendFuture):
            place = item._place = Place(item.message, priority, since, item)  # noqa: SLF001  it is made here, for this
            return place
        return Place(item, priority, since, None)

    def _end_trace(self, place: Place, outcome: Outcome) -> None:
        trace = self._traces.pop(place, None)
        if trace is not None:
            trace.end(outcome.sent, outcome.error, attempts=outcome.attempts, waited=outcome.waited)

    def _halt(self) -> None:
        """
        Begin nothing more: a task that is made while its loop shuts down is never run to its end.

        Whether the loop ends, or somebody has cancelled all tasks but his own, nobody can tell. Whoever waits for a
        message hears of it in both cases: in the next turn of the loop, because this is called in the midst of things.
        """
        if self._halted:
            return
        self._halted = True
        self._on_outcome.halt()
        self._turn_away()
        self._loop_of_queue().call_soon(self._let_go_of_all)

    def _let_go_of_all(self) -> None:
        """Tell everybody who waits that nobody is left to send it."""
        self._let_go_of_held()
        for place in self.schedule.drain():
            self._left_behind += 1
            self._leave_behind(place, None)
        if self._left_behind:
            logger.warning(
                "%d messages were not sent, because the event loop ended: use `async with`, or await queue.close().",
                self._left_behind,
                extra=about(LogEvent.QUEUE_LEFT_BEHIND),
            )
        self._wake_who_wait_for_quiet()

    def _leave_behind(self, place: Place, error: VonageMessagesError | None) -> None:
        """
        Note the outcome of a message for which there is no task left; nothing is logged.

        A listener that is async is not told: a task for it would never be run to its end.
        """
        outcome = Outcome(message=place.message, error=least_clear(place, error), attempts=place.attempts)
        self._counters.count(outcome)
        if self._traces:
            self._end_trace(place, outcome)
        owner, place.owner = place.owner, None
        if isinstance(owner, SendFuture):
            resolve(owner, outcome, quiet=True)
        elif isinstance(owner, Entry):
            owner.finish(outcome)
        if self._on_outcome:
            self._on_outcome.halt()
            self._on_outcome.tell_aside(outcome)

    def _notice_a_shutdown(self) -> None:
        """
        See that the loop shuts down before a connection does: all tasks are cancelled, and then they run.

        A connection does not tell: it is cancelled, for a moment, by every deadline that passes within a request.
        """
        if self._lookout is not None and self._lookout.cancelling() and not self._halted:
            self._halt()

    async def _wait_until(self, when: float) -> None:
        """Wait for an instant, or until the queue is cancelled."""
        loop = self._loop_of_queue()
        waiting: asyncio.Future[None] = loop.create_future()
        timer = loop.call_at(when, _wake, waiting)
        self._held.add(waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            self._held.discard(waiting)

    def _let_go_of_held(self) -> None:
        for waiting in self._held:
            _wake(waiting)

    def _settle(self, place: Place, sent: SentMessage | None, error: BaseException | None) -> Outcome:
        """Note the outcome of a request."""
        self.schedule.settle(place)
        return self._conclude(place, sent, error, place.granted_at - place.since)

    def _finish(self, place: Place, error: BaseException | None) -> None:
        """Note the outcome of a message that never had its turn, or lost it."""
        outcome = self._conclude(place, None, error, self._now() - place.since)
        if self._room:
            self._wake_one_who_waits_for_room()
        if self._on_outcome:
            self._notice_a_shutdown()
            self._on_outcome.tell_aside(outcome)
        self._note_if_quiet()

    def _conclude(
        self, place: Place, sent: SentMessage | None, error: BaseException | None, waited: Seconds
    ) -> Outcome:
        if place.doubt is not None and sent is None:
            error = least_clear(place, error)
        outcome = Outcome(message=place.message, sent=sent, error=error, attempts=place.attempts, waited=waited)
        self._counters.count(outcome)
        if self._traces:
            self._end_trace(place, outcome)
        owner, place.owner = place.owner, None
        if owner.__class__ is Entry:
            owner.stream.take(owner.number, outcome)
        elif isinstance(owner, SendFuture):
            resolve(owner, outcome)
        elif error is not None and not self._on_outcome:
            logger.warning(
                "%s was not sent: %s",
                place.message.channel,
                _words(error),
                extra=about(LogEvent.SEND_FAILED, place.message, error),
            )
        return outcome

    def _forget(self, future: SendFuture) -> None:
        """Take a message whose future is cancelled out of the queue, unless it is on its way."""
        if future._under_way:  # noqa: SLF001  a future that the engine made
            return
        place = future._place  # noqa: SLF001  a future that the engine made
        if place is None:
            self.schedule.drop_plain()
            place = Place(future.message, Priority.NORMAL, self._now())
        elif not self.schedule.drop(place):
            return
        place.owner = None  # the future cancels itself
        self._finish(place, None)

    def _forget_entries(self, entries: Iterable[Entry]) -> None:
        """Take what a stream that was left early has not sent yet out of the queue."""
        for entry in entries:
            place = entry.place
            if place is None:
                self.schedule.drop_plain()
                place = Place(entry.message, Priority.NORMAL, self._now())
            elif not self.schedule.drop(place):
                continue
            place.owner = None  # nobody reads the stream
            self._finish(place, None)

    async def _wait_for_room(self) -> None:
        self.bind()
        self._check_open()
        while len(self) >= self._maxsize:  # ends: with room, or with the queue
            if self._is_own_task():
                raise QueueFullError(
                    f"the queue holds {self._maxsize} messages, and a function that it calls cannot wait for room: "
                    "room comes when it has returned. Call put() from a task of your own."
                )
            room: asyncio.Future[None] = self._loop_of_queue().create_future()
            self._room[room] = None
            try:
                await room
            except asyncio.CancelledError:
                self._room.pop(room, None)
                if not room.cancelled():
                    self._wake_one_who_waits_for_room()  # it was ours, and we do not need it
                raise
            self._check_open()

    def _wake_one_who_waits_for_room(self) -> None:
        while self._room:
            room, _ = self._room.popitem(last=False)
            if not room.done():
                room.set_result(None)
                return

    def _turn_away(self) -> None:
        """Wake all who wait for room: they find the queue closed."""
        while self._room:
            self._wake_one_who_waits_for_room()

    def _is_own_task(self) -> bool:
        """Tell whether this is called by a function that the queue has called, and waits for."""
        task = asyncio.current_task()
        return task in self._workers or self._on_outcome.is_telling_in(task)

    def _refuse_own_task(self, what: str) -> None:
        """Refuse to wait for what waits for the caller."""
        if self._is_own_task():
            raise RuntimeError(
                f"{what}() was called by a function that the queue calls, and would wait for its return: call it from "
                "a task of your own, with asyncio.create_task, say."
            )

    def _tell_what_was_left_behind(self) -> None:
        if self._left_behind:
            raise QueueClosedError(
                f"the tasks of the queue were cancelled: {self._left_behind} messages that waited were not sent."
            )

    async def _wait_for_quiet(self) -> None:
        while not self._is_quiet():  # ends: with the queue, however long that takes
            quiet: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._quiet.append(quiet)
            await quiet

    def _note_if_quiet(self) -> None:
        if self._quiet and self._is_quiet():
            self._wake_who_wait_for_quiet()

    def _wake_who_wait_for_quiet(self) -> None:
        for quiet in self._quiet:
            if not quiet.done():
                quiet.set_result(None)
        self._quiet.clear()


def lost_within(error: asyncio.CancelledError) -> ResponseLostError:
    """Say that a request was cancelled by something other than the queue's own end."""
    lost = ResponseLostError("the request was cancelled from within: whether it has left is not known.")
    lost.__cause__ = error
    return lost


def least_clear(place: Place, error: BaseException | None) -> BaseException | None:
    """
    Say how a message ended that was not accepted in the end.

    Where the policy had an attempt repeated that left open what became of it, nothing later settles that: neither a
    refusal, nor being cancelled while it waited for the repetition.
    """
    doubt: VonageMessagesError | None = place.doubt
    if doubt is None or getattr(error, "maybe_sent", False):
        return error
    doubt.__cause__ = error
    return doubt


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def is_wanted(item: Any) -> bool:
    """Tell whether somebody still waits for what was put into the queue as it is."""
    if item.__class__ is Entry:
        return not item.stream.over
    return not (isinstance(item, SendFuture) and item.done())


def _words(error: BaseException) -> str:
    """Say what happened in words that may be logged: those of other people's errors may hold anything."""
    return str(error) if isinstance(error, VonageMessagesError) else type(error).__name__
