"""
The connections of a queue: each is a task of its own, which no caller can cancel, and sends one message after another.

What is decided stands in ``vonage_messages.limits`` (who goes next, and when) and in ``sending.repetition`` (what goes
again, and whether to ask at all). ``Client.attempt`` makes the requests, one for each turn: a repetition pays for its
place like everything else.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from typing import TYPE_CHECKING, Any

from vonage_messages import observe
from vonage_messages.channels.base import Message
from vonage_messages.confirming import Passage
from vonage_messages.errors import (
    CircuitOpenError,
    ConfigurationError,
    InvalidMessageError,
    OptedOutError,
    QueueError,
    ResponseLostError,
    StoreUnavailableError,
    VonageMessagesError,
)
from vonage_messages.limits.departures import Hold
from vonage_messages.limits.levels import shown
from vonage_messages.limits.places import Place
from vonage_messages.limits.schedule import Schedule
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.endings import Endings, is_wanted, lost_within
from vonage_messages.sending.listening import Listener, is_cancelled
from vonage_messages.sending.outcome import Outcome, SendFuture, too_late
from vonage_messages.sending.repetition import Repetition
from vonage_messages.sending.stream import Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vonage_messages.clients.client import Client
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.confirming import Confirming
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.departures import Departures
    from vonage_messages.values import Seconds
    from vonage_messages.wire.payloads import ApiVersion
    from vonage_messages.wire.rest import SentMessage

logger = logging.getLogger("vonage_messages")


class Connections(Endings):
    """Take turns, leave when the limits allow it, make the requests, and see to what comes of them."""

    def __init__(  # noqa: PLR0913  as many options as an engine has, by name
        self,
        client: Client,
        *,
        limiter: Limiter,
        maxsize: int,
        connections: int,
        before_send: Callable[[Message], Awaitable[object]] | None,
        on_return: Callable[[Message, VonageMessagesError], object] | None,
        on_outcome: Callable[[Outcome], object] | None,
        retry: RetryPolicy,
        max_outage: Seconds,
        api_version: ApiVersion | None,
    ) -> None:
        super().__init__(limiter=limiter, maxsize=maxsize, on_outcome=on_outcome)
        self._client = client
        self._confirming = self._turns.confirming
        self._connections = connections
        self._before_send = before_send
        self._on_return = Listener("on_return", on_return, self._note_if_quiet)
        self._api_version = api_version
        self._repetition = Repetition(retry, self._turns, self._counters, max_outage)
        self._circuit = self._repetition.circuit
        self._opening: dict[asyncio.Task[None], Place] = {}
        """Connections that have not begun yet, and what they begin with."""
        self._idle: list[asyncio.Future[Place | None]] = []
        self._over = asyncio.Event()
        self._pump_is_due = False
        self._paused = False
        self._cancelled = False
        self._ended = False

    def bind(self) -> Schedule:
        """Belong to the running loop from the first use on."""
        if self._schedule is None:
            self._loop = asyncio.get_running_loop()
            self._clock = self._loop.time
            self._turns.join(self)
            state = self._turns.state
            if self._before_send is not None and self._confirming is None:
                state.watch_departures()
            self._schedule = Schedule(state, self._wrap, is_wanted)
            observe.queues.add(self)
        elif asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("the queue belongs to another event loop: make one for each.")
        return self._schedule

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

    @property
    def _departures(self) -> Departures | None:
        return None if self._schedule is None else self._schedule.state.departures

    def _has_connection(self) -> bool:
        return bool(self._idle) or len(self._workers) < self._connections

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
            owner._under_way = True  # noqa: SLF001  a future that the engine made
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

    def _look_out(self) -> None:
        if self._lookout is None and not self._halted:
            self._lookout = self._loop_of_queue().create_task(_wait_for(self._over))
            self._lookout.add_done_callback(self._connection_ended)

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
                    outcome = await self._repeat_or_settle(place, lost_within(error))
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
        if self._cancelled or self._halted or (isinstance(owner, (SendFuture, Entry)) and not is_wanted(owner)):
            return self._settle(place, None, None)
        self.schedule.again(place, again_at)
        if isinstance(owner, SendFuture):
            owner._under_way = False if place.doubt is None else None  # noqa: SLF001  a future that the engine made
        self._turns.sleep()
        return None

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


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()
