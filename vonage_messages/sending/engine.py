"""
What stands behind a ``SendQueue``: it takes messages, lets them wait, and ends in good order.

It has four floors, each a class that knows those below it: ``Endings`` tell what became of each message,
``Requesting`` sends one whose turn has come, ``Connections`` take the turns, and the ``Engine`` is what callers use.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from vonage_messages import observe
from vonage_messages.channels.base import Message
from vonage_messages.clients.checks import checked_message
from vonage_messages.errors import QueueFullError, VonageMessagesError
from vonage_messages.limits.levels import Limits, shown
from vonage_messages.limits.places import Place, Priority
from vonage_messages.sending.connections import Connections
from vonage_messages.sending.guarding import guarded
from vonage_messages.sending.options import (
    check_callable,
    check_client,
    check_count,
    check_priority,
    check_retry,
    check_span,
    chosen_limiter,
)
from vonage_messages.sending.outcome import Outcome, QueueStats, SendFuture, too_late
from vonage_messages.sending.stream import Entry, Stream, stream_outcomes
from vonage_messages.wire.payloads import check_api_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable

    from vonage_messages.clients.client import Client
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.guards import Guard
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.store import LimitStore
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.status import MessageStatus
    from vonage_messages.wire.payloads import ApiVersion


class Engine(Connections):
    """Sends what waits, as fast as every limit allows; see ``SendQueue`` for what it is given and what it does."""

    def __init__(  # noqa: PLR0913  one client; what follows it are options, by name
        self,
        client: Client,
        *,
        limits: Limits | Limiter | None = None,
        store: LimitStore | None = None,
        maxsize: int = 1_000_000,
        connections: int = 64,
        max_wait: Seconds | None = None,
        before_send: Callable[[Message], Awaitable[object]] | None = None,
        on_return: Callable[[Message, VonageMessagesError], object] | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
        retry: RetryPolicy | None = None,
        max_outage: Seconds = 300.0,
        api_version: ApiVersion | None = None,
        guards: Iterable[Guard] = (),
    ) -> None:
        check_client(client)
        check_retry(retry)
        check_count("maxsize", maxsize)
        check_count("connections", connections)
        check_span("max_wait", max_wait)
        check_span("max_outage", max_outage, optional=False)
        check_callable("before_send", before_send)
        check_callable("on_return", on_return)
        check_callable("on_outcome", on_outcome)
        if api_version is not None:
            check_api_version(api_version)
        super().__init__(
            guarded(client, guards),
            limiter=chosen_limiter(client.limiter, limits, store),
            maxsize=maxsize,
            connections=connections,
            before_send=before_send,
            on_return=on_return,
            on_outcome=on_outcome,
            retry=client.retry if retry is None else retry,
            max_outage=max_outage,
            api_version=api_version,
        )
        self._max_wait = max_wait

    def submit(
        self,
        message: Message,
        *,
        priority: Priority = Priority.NORMAL,
        expires_in: Seconds | None = None,
        max_wait: Seconds | None = None,
    ) -> SendFuture:
        """Let a message wait, and give its future."""
        schedule = self.bind()
        self._check_open()
        check_priority(priority)
        if schedule.waiting >= self._maxsize:
            raise QueueFullError(f"the queue holds {self._maxsize} messages: use put() to wait for room.")
        future = SendFuture(checked_message(message), self._forget_future, asyncio.get_running_loop())
        self._add(future, message, future, priority, expires_in, max_wait)
        return future

    async def put(
        self,
        message: Message,
        *,
        priority: Priority = Priority.NORMAL,
        expires_in: Seconds | None = None,
        max_wait: Seconds | None = None,
    ) -> None:
        """Let a message wait as soon as there is room."""
        checked_message(message)
        check_priority(priority)
        await self._wait_for_room()
        try:
            self._add(message, message, None, priority, expires_in, max_wait)
        except BaseException:
            self._wake_one_who_waits_for_room()  # it was ours, and we cannot use it
            raise

    def map(  # noqa: PLR0913  where from; what follows are options, by name
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        *,
        ordered: bool = False,
        priority: Priority = Priority.NORMAL,
        expires_in: Seconds | None = None,
        max_wait: Seconds | None = None,
        window: int = 4096,
    ) -> AsyncIterator[Outcome]:
        """Stream messages through."""
        self.bind()
        self._refuse_own_task("map")
        self._check_open()
        check_priority(priority)
        check_count("window", window)
        check_span("expires_in", expires_in)
        check_span("max_wait", max_wait)

        def add(entry: Entry) -> bool:
            if self._closed or self._halted or self.bind().waiting >= self._maxsize:
                return False
            try:
                self._add(entry, entry.message, entry, priority, expires_in, max_wait)
            except BaseException:
                self._wake_one_who_waits_for_room()  # as in put
                raise
            return True

        stream = Stream(messages, window, self._wait_for_room, add, self._forget_entries)
        return stream_outcomes(stream, ordered=ordered)

    def observe(self, status: MessageStatus) -> None:
        """Learn from a status webhook."""
        self.bind()
        self._turns.observe(status)

    def stats(self) -> QueueStats:
        """Count what is held, and what has been done."""
        schedule = self._schedule
        counters = self._counters
        now = 0.0 if self._loop is None else self._now()
        return QueueStats(
            waiting={priority: 0 if schedule is None else schedule.count(priority) for priority in Priority},
            sending=self._sending,
            accepted=counters.accepted,
            failed=counters.failed,
            cancelled=counters.cancelled,
            in_doubt=counters.in_doubt,
            attempts=counters.attempts,
            refused=counters.refused,
            per_second=counters.per_second(now),
            slowed=() if schedule is None else tuple(shown(key) for key in schedule.state.slowed),
            pauses=() if self._loop is None else self._turns.pauses(now),
            circuit=self._circuit.state,
            paused=self._paused,
        )

    def pause(self) -> None:
        """Let nothing leave until ``resume``."""
        self._paused = True

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._paused = False
        if self._schedule is not None:
            self._pump_soon()

    async def drain(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        self.bind()
        self._refuse_own_task("drain")
        await self._wait_for_quiet()
        self._tell_what_was_left_behind()

    async def close(self) -> None:
        """Take no more messages, wait until all have left, and end."""
        self.bind()
        self._refuse_own_task("close")
        self._closed = True
        self._turn_away()
        self.resume()
        await self._wait_for_quiet()
        await self._end()  # whatever was left behind: the limits are kept, and no connection stays
        self._tell_what_was_left_behind()

    async def cancel(self) -> int:
        """Take no more messages, cancel all that wait, and end; gives their number."""
        schedule = self.bind()
        self._refuse_own_task("cancel")
        self._closed = self._cancelled = True
        self._turn_away()
        cancelled = 0
        for place in schedule.drain():
            cancelled += 1
            self._finish(place, None)
        self._let_go_of_held()
        await self._wait_for_quiet()
        await self._end()
        return cancelled + self._left_behind

    def _add(  # noqa: PLR0913, PLR0917  an object for what six arguments say would cost as much as the rest
        self,
        item: object,
        message: Message,
        owner: object,
        priority: Priority,
        expires_in: Seconds | None,
        max_wait: Seconds | None,
    ) -> None:
        """Let a message wait: as cheaply as it can where nothing but the account's limits concerns it."""
        schedule = self.bind()
        now = self._clock()
        longest = self._max_wait if max_wait is None else max_wait
        telemetry = observe.telemetry
        if expires_in is None and longest is None and telemetry is None and not schedule.state.gates(message):
            schedule.add_plain(item, priority, now)
            if not self._pump_is_due:
                self._pump_soon()
            return
        check_span("expires_in", expires_in)
        check_span("max_wait", max_wait)
        place = self._wrap(item, priority, now) if owner is item else Place(message, priority, now, owner)
        if expires_in is not None:
            place.expires_at = now + expires_in
        if longest is not None:
            place.give_up_at = now + longest
        if telemetry is not None:
            self._traces[place] = telemetry.queued(message)
        schedule.add(place)
        if min(place.expires_at, place.give_up_at) < math.inf:
            self._give_up_if_hopeless(place, now)
        self._pump_soon()

    def _give_up_if_hopeless(self, place: Place, now: float) -> None:
        """Let a message fail at once that cannot leave in time."""
        schedule = self.schedule
        wait, key = schedule.forecast(place, now)
        if self._circuit.state == "open" and self._circuit.probe_at > now + wait:
            wait, key = self._circuit.probe_at - now, ""
        if now + wait < min(place.give_up_at, place.expires_at):
            return
        held_by = self._what_holds(place, key)
        if schedule.drop(place):
            self._finish(place, too_late(place, now + wait, held_by))
