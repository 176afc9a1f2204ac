"""
What stands behind a ``SendQueue``: it waits for turns, holds the connections, and tells what became of each message.

What is decided stands in ``vonage_messages.limits`` (who goes next, and when) and in ``sending.repetition`` (what goes
again, and whether to ask at all). The queue waits, and holds the connections: each is a task of its own, which no
caller can cancel. ``Client.attempt`` makes the requests, one for each turn: a repetition pays for its place like
everything else.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from vonage_messages import observe
from vonage_messages.channels.base import Message
from vonage_messages.clients.checks import checked_message
from vonage_messages.confirming import Passage
from vonage_messages.errors import (
    CircuitOpenError,
    ConfigurationError,
    InvalidMessageError,
    OptedOutError,
    QueueClosedError,
    QueueError,
    QueueFullError,
    ResponseLostError,
    StoreUnavailableError,
    VonageMessagesError,
)
from vonage_messages.limiter import turns_of
from vonage_messages.limits.departures import Hold
from vonage_messages.limits.levels import Limits, shown
from vonage_messages.limits.places import Place, Priority
from vonage_messages.limits.schedule import Schedule
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.counters import Counters
from vonage_messages.sending.guarding import guarded
from vonage_messages.sending.listening import Listener, is_cancelled
from vonage_messages.sending.options import (
    check_callable,
    check_client,
    check_count,
    check_priority,
    check_retry,
    check_span,
    chosen_limiter,
)
from vonage_messages.sending.outcome import Outcome, QueueStats, SendFuture, resolve, too_late
from vonage_messages.sending.repetition import Repetition
from vonage_messages.sending.stream import Entry, Stream, stream_outcomes
from vonage_messages.wire.payloads import check_api_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable

    from vonage_messages.clients.client import Client
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.confirming import Confirming
    from vonage_messages.guards import Guard
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.departures import Departures
    from vonage_messages.limits.store import LimitStore
    from vonage_messages.observe import QueuedSend
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.status import MessageStatus
    from vonage_messages.wire.payloads import ApiVersion
    from vonage_messages.wire.rest import SentMessage

logger = logging.getLogger("vonage_messages")


class Engine:
    """Sends what waits, as fast as every limit allows; see ``SendQueue`` for what it is given and what it does."""

    _lookout: asyncio.Task[None] | None = None
    """Whoever cancels all tasks cancels this one, and nothing else does."""

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
        self._client = guarded(client, guards)
        self.limiter = chosen_limiter(client.limiter, limits, store)
        self._turns = turns_of(self.limiter)
        self._confirming = self._turns.confirming
        self._maxsize = maxsize
        self._connections = connections
        self._max_wait = max_wait
        self._before_send = before_send
        self._on_return = Listener("on_return", on_return, self._note_if_quiet)
        self._on_outcome = Listener("on_outcome", on_outcome, self._note_if_quiet)
        self._api_version = api_version
        self._counters = Counters()
        self._repetition = Repetition(client.retry if retry is None else retry, self._turns, self._counters, max_outage)
        self._circuit = self._repetition.circuit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock: Callable[[], float] = time.monotonic
        self._schedule: Schedule | None = None
        self._workers: set[asyncio.Task[None]] = set()
        self._opening: dict[asyncio.Task[None], Place] = {}
        """Connections that have not begun yet, and what they begin with."""
        self._idle: list[asyncio.Future[Place | None]] = []
        self._over = asyncio.Event()
        self._sending = 0
        self._room: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._quiet: list[asyncio.Future[None]] = []
        self._traces: dict[Place, QueuedSend] = {}
        """Who has submitted what waits, and what it is about; empty where nothing watches the process."""
        self._forget_future = self._forget  # one bound method for all futures: 64 bytes less for each
        self._pump_is_due = False
        self._paused = False
        self._closed = False
        self._cancelled = False
        self._ended = False
        self._held: set[asyncio.Future[None]] = set()
        self._halted = False
        """Whether the loop shuts down: connections have been cancelled."""
        self._left_behind = 0
        """How many were not sent because of that."""

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
        self._add(message, message, None, priority, expires_in, max_wait)

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
            self._add(entry, entry.message, entry, priority, expires_in, max_wait)
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

    def take_turn(self) -> bool:
        """Let one message leave, if one may and there is a connection for it; for whoever gives turns."""
        self._give_up_on_late()
        if not self._has_connection():
            return False
        place = self._take()
        if place is None:
            return False
        self._hand_over(place)
        return True

    def next_turn(self, now: float) -> float:
        """Give the instant from which on ``take_turn`` may have something to do, or infinity."""
        schedule = self._schedule
        if schedule is None or not schedule.waiting:
            return math.inf
        end = schedule.next_end()
        if self._paused or self._halted or self._circuit.state == "probing" or not self._has_connection():
            return end  # whoever ends that, looks for messages
        if self._circuit.state == "open":
            return min(end, max(schedule.next_time(now), self._circuit.probe_at))
        return min(end, schedule.next_time(now))

    def stop(self, error: VonageMessagesError) -> None:
        """Let everybody who waits fail: limits cannot be kept."""
        for place in self.bind().drain():
            self._finish(place, error)

    def bind(self) -> Schedule:
        """Belong to the running loop from the first use on."""
        if self._schedule is None:
            self._loop = asyncio.get_running_loop()
            self._clock = self._loop.time
            self._turns.join(self)
            state = self._turns.state
            if self._before_send is not None and self._confirming is None:
                state.watch_departures()
            self._schedule = Schedule(state, self._wrap, _is_wanted)
            observe.queues.add(self)
        elif asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("the queue belongs to another event loop: make one for each.")
        return self._schedule

    @property
    def _departures(self) -> Departures | None:
        return None if self._schedule is None else self._schedule.state.departures

    def _now(self) -> float:
        """Read the clock of the loop that the queue belongs to."""
        return self._clock()

    def _loop_of_queue(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop() if self._loop is None else self._loop

    def _has_connection(self) -> bool:
        return bool(self._idle) or len(self._workers) < self._connections

    def _is_quiet(self) -> bool:
        return not (self._sending or len(self) or self._on_outcome.pending)

    def _check_open(self) -> None:
        if self._closed or self._halted:
            raise QueueClosedError("the queue is closed and takes no more messages.")

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

    def _wrap(self, item: Any, priority: Priority, since: float) -> Place:
        """Make the place of what waited as itself, when its turn comes."""
        if item.__class__ is Entry:  # first, and by its class: map() sends the most
            place = item.place = Place(item.message, priority, since, item)
            return place
        if isinstance(item, SendFuture):
            place = item._place = Place(item.message, priority, since, item)  # noqa: SLF001  it is made here, for this
            return place
        return Place(item, priority, since, None)

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

    def _give_up_on_late(self) -> None:
        schedule = self.schedule
        now = self._now()
        for place in schedule.overdue(now):
            wait, key = schedule.forecast(place, now)
            self._finish(place, too_late(place, now + wait, self._what_holds(place, key)))

    def _what_holds(self, place: Place, key: str) -> str:
        """Name what keeps a message waiting: where nothing leaves at all, the limit with *key* is not to blame."""
        if self._circuit.state != "closed":
            return "circuit"
        if self._paused:
            return "pause"
        if not self._turns.is_open:
            return "store"
        if key:
            return shown(key)
        if isinstance(place.line, tuple):
            return "order"
        return "queue" if self._has_connection() else "connections"

    def _pump_soon(self) -> None:
        """Look for messages that may leave at the next turn of the loop: once, however many were added."""
        if self._pump_is_due:
            return
        self._pump_is_due = True
        self._loop_of_queue().call_soon(self._pump)
        if self._lookout is None and len(self) and asyncio.current_task(self._loop) is not None:
            self._look_out()  # whoever adds this may be the last to run before the loop shuts down

    def _pump(self) -> None:
        """Have the limiter hand out what may leave now, and wake us for the rest."""
        self._pump_is_due = False
        if not self._halted:
            self._turns.give_turns()

    def _look_out(self) -> None:
        if self._lookout is None and not self._halted:
            self._lookout = self._loop_of_queue().create_task(_wait_for(self._over))
            self._lookout.add_done_callback(self._connection_ended)

    def _take(self) -> Place | None:
        """Take the next message whose turn it is."""
        schedule, turns, circuit = self._schedule, self._turns, self._circuit
        if self._paused or self._halted or schedule is None or not schedule.waiting:
            return None
        now = self._clock()
        # What is mostly so is looked at here: to ask each in a call of its own took 2 of the 9 µs of a message.
        if not (circuit.state == "closed" or circuit.may_send(now)) or not (turns.is_open or turns.may_give()):
            return None
        place = schedule.take(now)
        if place is None:
            return None
        if turns.is_stored:
            turns.granted(place)
        if place.gates:
            schedule.sweep(now)
        if circuit.state != "closed":
            circuit.sending()
        self._sending += 1
        owner = place.owner
        if owner.__class__ is not Entry and isinstance(owner, SendFuture):
            owner._under_way = True  # noqa: SLF001  see _wrap
        if self._room:
            self._wake_one_who_waits_for_room()
        return place

    def _hand_over(self, place: Place) -> None:
        """Give a message to a connection: one that is free, or a new one."""
        while self._idle:
            idle = self._idle.pop()
            if not idle.done():
                idle.set_result(place)
                return
        self._notice_a_shutdown()
        if self._halted:  # who opens a connection now opens one that is never run to its end
            self._lose(place, is_begun=False)
            return
        self._open_connection(place)

    def _open_connection(self, first: Place | None) -> None:
        self._look_out()
        # A connection serves many: it must not pass for a part of whatever its first message was submitted by.
        context = None if observe.telemetry is None else observe.telemetry.apart()
        worker = self._loop_of_queue().create_task(self._work(first), context=context)
        self._workers.add(worker)
        if first is not None:
            self._opening[worker] = first
        worker.add_done_callback(self._connection_ended)

    def _connection_ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        first = self._opening.pop(worker, None)
        if first is not None:  # cancelled before it began
            self._lose(first, is_begun=False)
        if worker.cancelled():
            self._halt()

    async def _work(self, place: Place | None) -> None:
        """Be a connection: send one message after the other until the queue ends."""
        worker = asyncio.current_task()
        if worker is not None:
            self._opening.pop(worker, None)
        while True:  # ends: with the queue
            if place is not None:
                if self._confirming is None:
                    await self._send(place)
                else:
                    await self._send_when_confirmed(place, self._confirming)
            # Where others send under the same limits, the limiter says whose turn it is.
            place = self._take() if self._turns.serves_only(self) else None
            if place is None:
                place = await self._wait_for_turn()
            if place is None:
                return

    async def _wait_for_turn(self) -> Place | None:
        """Wait for the next message; ``None`` when the queue has ended."""
        if self._ended:
            return None
        idle: asyncio.Future[Place | None] = self._loop_of_queue().create_future()
        self._idle.append(idle)
        if not self._turns.serves_only(self):
            self._turns.give_turns()
        elif len(self):
            self._turns.sleep()
        try:
            return await idle
        except asyncio.CancelledError:  # the loop shuts down
            place = None if idle.cancelled() else idle.result()
            if place is not None:
                self._lose(place, is_begun=False)
            self._halt()
            raise

    async def _send(self, place: Place) -> None:  # noqa: C901  what wakes a request goes through every coroutine
        """Make one request for a message, and see to what comes of it."""
        outcome, is_begun = None, False
        try:
            if self._before_send is not None:
                outcome = await self._ask_before_send(place)
            if outcome is None and self._departures is not None:
                outcome = await self._depart(place, self._departures)
            if outcome is None and self._confirming is not None:
                outcome = await self._depart_on_time(place, place.options)
            if outcome is None:
                is_begun = True
                place.attempts += 1
                self._counters.count_attempt(self._clock())
                try:
                    request = self._client.attempt(place.message, api_version=self._api_version)
                    sent = await (self._traced(place, request) if self._traces else request)
                except Exception as error:  # noqa: BLE001  a connection goes on, whatever it is
                    outcome = await self._after_failure(place, error)
                except asyncio.CancelledError as error:
                    if is_cancelled():
                        raise
                    outcome = await self._repeat_or_settle(place, _lost_within(error))
                else:
                    outcome = self._accept(place, sent)
        except BaseException:  # the loop shuts down
            self._lose(place, is_begun=is_begun)
            self._halt()
            raise
        self._sending -= 1
        if outcome is not None and self._on_outcome:
            await self._tell(outcome)
        if not self._sending:
            self._note_if_quiet()

    def _traced(self, place: Place, request: Awaitable[SentMessage]) -> Awaitable[SentMessage]:
        """Make a request for whoever has submitted the message."""
        trace = self._traces.get(place)
        return request if trace is None else trace.around(request)

    def _end_trace(self, place: Place, outcome: Outcome) -> None:
        trace = self._traces.pop(place, None)
        if trace is not None:
            trace.end(outcome.sent, outcome.error, attempts=outcome.attempts, waited=outcome.waited)

    async def _tell(self, outcome: Outcome) -> None:
        try:
            await self._on_outcome.tell(outcome)
        except BaseException:  # the loop shuts down
            self._halt()
            raise

    async def _send_when_confirmed(self, place: Place, confirming: Confirming) -> None:
        """Send a message if those who share the limits confirm its turn; otherwise it goes back to wait."""
        passage = Passage(confirming, (*self.schedule.state.account, *place.gates), place.granted_at)
        try:
            is_confirmed = await passage.ask()
        except StoreUnavailableError as error:
            outcome: Outcome | None = self._settle_unused(place, error)
        except BaseException:  # the loop shuts down
            self._lose(place, is_begun=False)
            self._halt()
            raise
        else:
            if is_confirmed:
                place.options = passage
                await self._send(place)
                return
            outcome = self._send_back(place, passage)
        self._sending -= 1
        if outcome is not None and self._on_outcome:
            await self._tell(outcome)
        self._note_if_quiet()

    def _send_back(self, place: Place, passage: Passage) -> Outcome | None:
        """Let a message wait again for which there is no place in the limits that are shared, and others like it."""
        now = self._now()
        self.schedule.give_back(place, now)
        self._circuit.unused()
        if passage.obstacle is not None:
            self._turns.hold(passage.obstacle, passage.opens_at(now) or now)
        return self._put_back(place, now)

    def _lose(self, place: Place, *, is_begun: bool) -> None:
        """Let go of a message whose connection was cancelled: if its request is begun, it may have left."""
        self._sending -= 1
        self.schedule.settle(place)
        error = None
        if is_begun:
            error = ResponseLostError("its task was cancelled while it was being sent: whether it has left is unknown.")
        else:
            self.schedule.give_back(place, self._now())
            self._circuit.unused()
        self._leave_behind(place, error)
        self._note_if_quiet()

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
        outcome = Outcome(message=place.message, error=_least_clear(place, error), attempts=place.attempts)
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

    def _accept(self, place: Place, sent: SentMessage) -> Outcome:
        """Note that the platform has accepted a message."""
        was_closed = self._circuit.state == "closed"
        self._repetition.succeeded()
        if not was_closed:
            self._pump_soon()
        self._turns.answered(sent.headers)
        return self._settle(place, sent, None)

    async def _after_failure(self, place: Place, error: Exception) -> Outcome | None:
        """See to what comes of a request that raised *error*; ``None`` where the message went back to wait."""
        if isinstance(
            error, (InvalidMessageError, ConfigurationError, QueueError, OptedOutError)
        ):  # no request was made
            place.attempts -= 1
            self._counters.uncount_attempt()
            return self._settle_unused(place, error)
        if isinstance(error, VonageMessagesError):
            return await self._repeat_or_settle(place, error)
        # A fault in the caller's auth function, say: it must not end a connection.
        self._circuit.unused()
        self._pump_soon()
        return self._settle(place, None, error)

    async def _ask_before_send(self, place: Place) -> Outcome | None:
        """Call ``before_send``; where it raises, the places are given back, and that is the outcome."""
        try:
            asked: Any = self._before_send(place.message) if self._before_send is not None else None
            if inspect.isawaitable(asked):
                await asked
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            stopped = QueueError("before_send was cancelled from within: the message was not sent.")
            stopped.__cause__ = error
            return self._settle_unused(place, stopped)
        except Exception as error:  # noqa: BLE001  whatever stops it, the message is not sent and hears of it
            return self._settle_unused(place, error)
        return None

    async def _depart(self, place: Place, departures: Departures) -> Outcome | None:
        """
        Leave no sooner than the limits allow that, whatever ``before_send`` has held up; ``None``: now.

        What has become too late meanwhile is not sent, and neither is what is held back when the queue is cancelled.
        """
        hold = Hold(departures, (*self.schedule.state.account, *place.gates), place.granted_at)
        try:
            now = self._now()
            if place.expires_at <= now:
                return self._settle_unused(place, too_late(place, now, "before_send"))
            while (opens_at := hold.opens_at(now)) is not None:  # ends: with the bunch that it is one of
                if self._cancelled or self._halted:
                    return self._settle_unused(place, None)
                if opens_at >= min(place.expires_at, place.give_up_at):
                    return self._settle_unused(place, too_late(place, opens_at, shown(hold.key)))
                await self._wait_until(opens_at)
                now = self._now()
        finally:
            hold.end()
        if self._turns.is_stored:
            self._turns.left(place)
        return None

    async def _depart_on_time(self, place: Place, passage: Passage) -> Outcome | None:
        """
        Leave at the instant that was confirmed, or at another where it is too late for that; ``None``: now.

        A message that has been marked by ``before_send`` does not go back: it waits here, as one that others hold back.
        """
        while True:  # ends: with the instant, or with the message
            now = self._now()
            if place.expires_at <= now:
                return self._settle_unused(place, too_late(place, now, "before_send"))
            opens_at = passage.opens_at(now)
            if opens_at is None:
                return None
            if self._cancelled or self._halted:
                return self._settle_unused(place, None)
            if opens_at >= min(place.expires_at, place.give_up_at):
                return self._settle_unused(place, too_late(place, opens_at, shown(passage.key)))
            if opens_at > now:
                await self._wait_until(opens_at)
                continue
            try:
                await passage.ask()
            except StoreUnavailableError as error:
                return self._settle_unused(place, error)

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

    def _settle_unused(self, place: Place, error: BaseException | None) -> Outcome:
        """Note the outcome of a message whose turn had come, and for which no request was made."""
        self.schedule.give_back(place, self._now())
        self._circuit.unused()
        self._pump_soon()  # what was given back may be for others under the same limits
        return self._settle(place, None, error)

    async def _repeat_or_settle(self, place: Place, error: VonageMessagesError) -> Outcome | None:
        """Put a message whose request failed back in its place, or note that as its outcome."""
        was_closed = self._circuit.state == "closed"
        try:
            again_at = self._repetition.again_at(place, error, self._now())
        except CircuitOpenError as outage:
            self.stop(outage)
            return self._settle(place, None, outage)
        except Exception as fault:  # noqa: BLE001  repeat_ambiguous is the user's: whatever it does, the queue goes on
            logger.warning(
                "repeat_ambiguous raised %s: the message is not repeated",
                type(fault).__name__,
                extra=about(LogEvent.LISTENER_FAILED, place.message),
            )
            again_at = None
        over = self._repetition.outage(self._now())
        if over is not None:  # answers that leave everything open, for too long: this one keeps its own
            self.stop(over)
            return self._settle(place, None, error)
        if not was_closed:
            self._pump_soon()  # there may be a probe to be made, or no need of one any more
        if again_at is None:
            return self._settle(place, None, error)
        if error.maybe_sent:
            place.doubt = error
        if self._on_return:
            await self._on_return.tell(place.message, error)
        if logger.isEnabledFor(logging.DEBUG):
            extra = about(LogEvent.SEND_RETRY, place.message, error)
            logger.debug("%s waits again, after %s", place.message.channel, type(error).__name__, extra=extra)
        return self._put_back(place, again_at)

    def _put_back(self, place: Place, again_at: float) -> Outcome | None:
        """Let a message that was not accepted wait again; if nobody waits for it any more, that is its outcome."""
        owner = place.owner
        if self._cancelled or self._halted or (isinstance(owner, (SendFuture, Entry)) and not _is_wanted(owner)):
            return self._settle(place, None, None)
        self.schedule.again(place, again_at)
        if isinstance(owner, SendFuture):
            owner._under_way = False if place.doubt is None else None  # noqa: SLF001  see _wrap
        self._turns.sleep()
        return None

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
            error = _least_clear(place, error)
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
        if future._under_way:  # noqa: SLF001  see _wrap
            return
        place = future._place  # noqa: SLF001  see _wrap
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

    async def _end(self) -> None:
        """Let the connections go, and keep the limits."""
        self._ended = True
        for idle in self._idle:
            if not idle.done():
                idle.set_result(None)
        self._idle.clear()
        self._over.set()
        if self._workers or self._lookout is not None:
            await asyncio.wait({*self._workers, *((self._lookout,) if self._lookout is not None else ())})
        await self._on_outcome.finish()
        self._turns.leave(self)
        await self._turns.save()


def _lost_within(error: asyncio.CancelledError) -> ResponseLostError:
    """Say that a request was cancelled by something other than the queue's own end."""
    lost = ResponseLostError("the request was cancelled from within: whether it has left is not known.")
    lost.__cause__ = error
    return lost


def _least_clear(place: Place, error: BaseException | None) -> BaseException | None:
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


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _is_wanted(item: Any) -> bool:
    """Tell whether somebody still waits for what was put into the queue as it is."""
    if item.__class__ is Entry:
        return not item.stream.over
    return not (isinstance(item, SendFuture) and item.done())


def _words(error: BaseException) -> str:
    """Say what happened in words that may be logged: those of other people's errors may hold anything."""
    return str(error) if isinstance(error, VonageMessagesError) else type(error).__name__
