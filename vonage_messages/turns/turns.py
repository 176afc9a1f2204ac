"""
Turns under the limits of one account: what stands behind a ``Limiter``.

The arithmetic stands in ``vonage_messages.limits``. Here is the clock, the one timer for all who wait, and the store
in which limits survive the process. Who sends asks for a turn: a ``SendQueue`` for each of its connections, and a
client that was given limits for each of its sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
import time
from typing import TYPE_CHECKING

from vonage_messages.channels.base import Message
from vonage_messages.errors import ConfigurationError, QueueClosedError, StoreUnavailableError, VonageMessagesError
from vonage_messages.limits.buckets import Window
from vonage_messages.limits.learning import LONGEST_PAUSE, lesson_of
from vonage_messages.limits.levels import Limits, shown
from vonage_messages.limits.places import Place
from vonage_messages.logs import LogEvent, about
from vonage_messages.turns.desk import Desk
from vonage_messages.turns.giving import Giving, Waiter
from vonage_messages.values import is_finite
from vonage_messages.webhooks.status import MessageStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.confirming import Confirming
    from vonage_messages.limits.store import LimitStore
    from vonage_messages.values import Seconds

logger = logging.getLogger("vonage_messages")


class Turns(Giving):
    """
    Who may send when, under *limits*; see ``Limiter`` for the options. For what sends, and nobody else.

    With *confirming*, a turn is no permission yet: see ``vonage_messages.confirming``.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        store: LimitStore | None = None,
        confirming: Confirming | None = None,
        longest_pause: Seconds = LONGEST_PAUSE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        limits = Limits.published() if limits is None else checked_limits(limits)
        _check_store(store)
        if not callable(clock):
            raise ConfigurationError(f"clock must be a function, such as time.time, not {type(clock).__name__}.")
        if limits.caps and store is None and confirming is None:
            raise ConfigurationError(
                f"the limit of {shown(limits.caps[0])} is a cap, which must outlive this process: give "
                "Limiter(limits, store=FileLimitStore(path)), or store=MemoryLimitStore() to count from now on."
            )
        if not is_finite(longest_pause) or longest_pause <= 0:
            raise ConfigurationError(
                f"longest_pause must be a finite number of seconds above 0, not {longest_pause!r}."
            )
        super().__init__(
            limits, confirming=confirming, is_stored=store is not None, longest_pause=longest_pause, clock=clock
        )
        if confirming is not None:
            confirming.on_lost = self._stop
        self._store = store
        self._was_read = store is None
        self._writing = asyncio.Lock()
        self._loading: asyncio.Task[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        """The save that somebody waits for."""
        self._desk: Desk | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._binding = threading.Lock()

    async def acquire(self, message: Message, *, max_wait: Seconds | None = None) -> Place:
        """
        Wait until *message* may leave, and take its places; what it gives is for ``give_back``.

        Raises:
            LimitTimeoutError: it cannot, or did not, leave within *max_wait* seconds. No place was taken.
            StoreUnavailableError: what was used before is not known, because the store cannot be read or written, or
                has not answered within *max_wait*: ``load`` waits for it beforehand.
            RuntimeError: the limits are in use on another event loop.
            TypeError: that is no message.
            ConfigurationError: *max_wait* is no number of seconds of 0 or more.
        """
        _check_wait(message, max_wait)
        deadline = None if max_wait is None else asyncio.get_running_loop().time() + max_wait
        if not self.is_open:
            await self._load_until(deadline)
        self._bind()
        if self._desk is None:
            self._desk = Desk(self)
        return await self._desk.wait(message, deadline, max_wait)

    def give_back(self, place: Place) -> None:
        """Let others have what ``acquire`` has just taken: the message does not leave."""
        if self._desk is not None:
            self._desk.give_back(place)

    async def load(self) -> None:
        """
        Read the store, once; everything that sends does it by itself.

        Raises:
            StoreUnavailableError: it cannot be read or written, or holds no limits.
            RuntimeError: the limits are in use on another event loop.
        """
        self._bind()
        if self.is_open:
            return
        await asyncio.shield(self._begin_to_load())

    async def save(self) -> None:
        """
        Write what is left to the store, if there is one. Do so when nothing is sent any more, and restarts lose
        nothing: ``Client.close`` and ``SendQueue.close`` do.

        Raises:
            StoreUnavailableError: it cannot be written.
            RuntimeError: there is a store, and the limits are in use on another event loop.
        """
        if self.confirming is not None:
            self._bind()
            await self._end_loading()
            await self.confirming.finish()
        if self._store is None:
            return
        self._bind()
        while self._ending is not None and not self._ending.done():  # ends: with the save of another
            await asyncio.shield(self._ending)
        # A task of its own: who is cancelled while waiting for it must not leave half a save behind.
        self._ending = asyncio.get_running_loop().create_task(self._save())
        await asyncio.shield(self._ending)

    async def close(self) -> None:
        """
        Let go of what confirms turns; the next that is asked for finds it again.

        Raises:
            RuntimeError: the limits are in use on another event loop.
        """
        self._bind()
        if self.confirming is not None:
            await self._end_loading()
            self.is_open = False
            await self.confirming.close()

    def observe(self, status: MessageStatus) -> None:
        """
        Learn from a status webhook: one that says "too fast" slows its sender, or the pair; most change nothing.

        Raises:
            RuntimeError: the limits are in use on another event loop, and this one has something to teach.
            TypeError: that is no status.
        """
        if not isinstance(status, MessageStatus):
            raise TypeError(f"a MessageStatus, as parse_status gives, is needed, not {type(status).__name__}")
        lesson = lesson_of(status)
        if lesson is None or not status.from_ or not status.to:
            return
        self._bind()
        # A status tells whom the message went to and whom it came from, as the message did.
        keys = self.state.slow(
            lesson.level,
            channel=status.channel,
            sender=status.from_,
            recipient=status.to,
            pause=lesson.pause,
            now=asyncio.get_running_loop().time(),
            why=f"a status says {lesson.code}",
        )
        self._share_pause(keys, lesson.pause)
        self._look_again()
        logger.info(
            "the platform asks to slow down: %s of %s",
            lesson.level,
            status.channel,
            extra=about(LogEvent.LIMITS_SLOWED, status),
        )

    def join(self, waiter: Waiter) -> None:
        """Take somebody in who waits for turns."""
        self._bind()
        self._waiters.append(waiter)

    def may_give(self) -> bool:
        """Tell whether turns can be given: the store has been read. It is read, if not."""
        if not self.is_open:
            self._begin_to_load()
        return self.is_open

    def granted(self, place: Place) -> None:
        """Note that *place* was given its turn: caps may have to be saved before the next."""
        self._save_if_needed(place)

    def left(self, place: Place) -> None:
        """Note that *place* left later than at its turn: it may count for another slice of a cap, and use it up."""
        self._save_if_needed(place)

    def _save_if_needed(self, place: Place) -> None:
        if self._store is None or (self._saving is not None and not self._saving.done()):
            return
        for gate in (*self.state.account, *place.gates):
            if isinstance(gate, Window) and gate.needs_save:
                self._saving = asyncio.get_running_loop().create_task(self._keep_saving())
                return

    def _bind(self) -> None:
        """
        Belong to the running loop.

        Raises:
            RuntimeError: the limits are in use on another loop. Turns are given without locks, and by timers: on two
                loops they would be given twice, or never.
        """
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        with self._binding:  # two threads may begin at once
            if self._is_in_use():
                raise RuntimeError(
                    "these limits are in use on another event loop, which has not ended, or on which a queue has not "
                    "been closed: make a Limiter for each thread, and divide the limits between them, or send from one "
                    "loop."
                )
            self._leave_loop()
            self._loop = loop

    def _is_in_use(self) -> bool:
        """Tell whether the loop that the limits belong to still runs, or may run again and finds somebody there."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return False
        if loop.is_running() or any(task is not None and not task.done() for task in self._tasks()):
            return True
        if self.confirming is not None and self.confirming.is_busy():
            return True
        return any(waiter is not self._desk or len(waiter.schedule) for waiter in self._waiters)

    def _tasks(self) -> tuple[asyncio.Task[None] | None, ...]:
        return self._loading, self._saving, self._ending

    def _leave_loop(self) -> None:
        """Forget what belongs to a loop that has ended; what still waited there hears that it was not sent."""
        lost = 0
        for waiter in self._waiters:
            for place in waiter.schedule.drain():  # drained, because they are counted at their limits
                lost += 1
                _tell_that_loop_ended(place.owner)
        if lost:
            logger.warning(
                "%d messages waited under these limits and were not sent, because the event loop ended",
                lost,
                extra=about(LogEvent.QUEUE_LEFT_BEHIND),
            )
        if self._timer is not None and self._loop is not None and not self._loop.is_closed():
            self._timer.cancel()
        self._waiters.clear()
        self._desk = self._timer = self._loading = self._saving = self._ending = None
        self._timer_at = math.inf
        self._writing = asyncio.Lock()
        if self.confirming is not None:
            self.confirming.leave_loop()
        self.is_open = self._store is None and self.confirming is None  # a save may have ended with the loop

    def _begin_to_load(self) -> asyncio.Task[None]:
        if self._loading is None or self._loading.done():
            self._loading = asyncio.get_running_loop().create_task(self._load())
            self._loading.add_done_callback(_retrieve)
        return self._loading

    async def _load_until(self, deadline: float | None) -> None:
        try:
            async with asyncio.timeout_at(deadline) as limit:
                await self.load()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StoreUnavailableError(
                "the limit store has not answered in time: the message was not sent."
            ) from error

    async def _end_loading(self) -> None:
        if self._loading is not None and not self._loading.done():
            await asyncio.wait([self._loading])

    async def _load(self) -> None:
        """Read the store, unless that has been done, and tell it that messages leave from here on."""
        try:
            if self.confirming is not None:
                await self.confirming.open()
            if not self._was_read:
                await self._read()
                self._was_read = True
            await self._write(last=False)
        except VonageMessagesError as error:
            self._stop(error)
            raise
        self.is_open = True
        self.wake_at(asyncio.get_running_loop().time())

    async def _read(self) -> None:
        if self._store is None:
            return
        try:
            snapshot = await self._store.load()
        except Exception as error:
            raise _unavailable(error, "read") from error
        if snapshot is None:
            snapshot = {"version": 1, "saved_at": self._clock(), "last": True, "ready": {}, "counted": {}}
        try:
            self.state.load(snapshot, asyncio.get_running_loop().time(), self._clock())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreUnavailableError(
                "the limit store holds something that is no snapshot of limits: it was not written by this package, "
                "or by a later version. Nothing is sent, because what was used is not known."
            ) from error

    async def _save(self) -> None:
        """Save what has left, unless the store knows it all; what is being read or saved comes first."""
        await self._end_loading()
        if not self.is_open:
            return
        last = not any(len(waiter.schedule) for waiter in self._waiters)
        if last:
            self.is_open = False  # who sends behind it has to tell the store first
        if self._saving is not None and not self._saving.done():
            await asyncio.wait([self._saving])
        await self._write(last=last)

    async def _keep_saving(self) -> None:
        """Save until every cap is in the store: what a full one holds up goes on then."""
        try:
            while any(window.needs_save for window in self.state.windows):  # ends: with a save, or with an error
                await self._write(last=False)
        except StoreUnavailableError as error:
            logger.warning("limits could not be saved: %s", error, extra=about(LogEvent.LIMITS_NOT_SAVED))
            self._stop(error)

    async def _write(self, *, last: bool) -> None:
        """Write a snapshot, one at a time: an older one never takes the place of a newer."""
        if self._store is None:
            return
        async with self._writing:
            unsaved = [(window, window.unsaved) for window in self.state.windows]
            now = asyncio.get_running_loop().time()
            try:
                await self._store.save(self.state.snapshot(now, self._clock(), last=last))
            except Exception as error:
                raise _unavailable(error, "written") from error
        for window, number in unsaved:
            window.saved(number)
            for waiter in self._waiters:
                waiter.schedule.reopened(window)
        self.wake_at(asyncio.get_running_loop().time())


def checked_limits(limits: object, wanted: str = "Limits") -> Limits:
    """Refuse what are no limits; *wanted* says what else could have been given."""
    if not isinstance(limits, Limits):
        raise ConfigurationError(
            f"limits must be {wanted}, such as Limits(account=Rate(30)), not {type(limits).__name__}."
        )
    return limits


def _check_store(store: object) -> None:
    """Refuse what keeps no limits, such as the bare path of a file, or a class instead of an object."""
    if store is None:
        return
    if isinstance(store, type) or not all(callable(getattr(store, name, None)) for name in ("load", "save")):
        what = f"the class {store.__name__}" if isinstance(store, type) else type(store).__name__
        raise ConfigurationError(
            f"store must have async load and save, such as FileLimitStore('caps.json'), and not be {what}."
        )


def _check_wait(message: object, max_wait: object) -> None:
    """Refuse what is no message, and what is no span of time; 0 asks for a place that is free at once."""
    if not isinstance(message, Message):
        raise TypeError(f"a message such as Sms(…) is needed, not {type(message).__name__}")
    if max_wait is None:
        return
    if not is_finite(max_wait) or max_wait < 0:
        raise ConfigurationError(f"max_wait must be a finite number of seconds of 0 or more, not {max_wait!r}.")


def _tell_that_loop_ended(owner: object) -> None:
    """Let a future that waited on a loop which has ended fail; what waits without one has nobody to be told."""
    if not isinstance(owner, asyncio.Future) or owner.done():
        return
    with contextlib.suppress(RuntimeError):  # the loop takes no callbacks any more: the future knows all the same
        owner.set_exception(QueueClosedError("the event loop ended before the message had its turn: it was not sent."))


def _unavailable(error: Exception, what: str) -> StoreUnavailableError:
    """Say that a store failed, in its own words where those may be logged."""
    if isinstance(error, StoreUnavailableError):
        return error
    return StoreUnavailableError(f"the limit store cannot be {what}: {type(error).__name__}.")


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at the error of a task whose waiters have been told another way."""
    if not task.cancelled():
        task.exception()
