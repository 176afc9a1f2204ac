"""
The connections of a queue: each is a task of its own, which no caller can cancel, and sends one message after another.

Who goes next, and when, is decided in ``vonage_messages.limits``; what becomes of a message whose turn has come, in
``sending.requesting``.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Unpack

from vonage_messages import observe
from vonage_messages.limits.levels import shown
from vonage_messages.limits.places import Place
from vonage_messages.limits.schedule import Schedule
from vonage_messages.sending.endings import is_wanted
from vonage_messages.sending.outcome import SendFuture, too_late
from vonage_messages.sending.requesting import Requesting, RequestingOptions
from vonage_messages.sending.stream import Entry

if TYPE_CHECKING:
    from vonage_messages.clients.client import Client


class Connections(Requesting):
    """Take turns, and keep the tasks that send: as many as there may be connections, and one that looks out."""

    def __init__(self, client: Client, *, connections: int, **options: Unpack[RequestingOptions]) -> None:
        super().__init__(client, **options)
        self._connections = connections
        self._opening: dict[asyncio.Task[None], Place] = {}
        """Connections that have not begun yet, and what they begin with."""
        self._idle: list[asyncio.Future[Place | None]] = []
        self._over = asyncio.Event()
        self._pump_is_due = False
        self._paused = False
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

    def _open_connection(self, first: Place) -> None:
        self._look_out()
        # A connection serves many: it must not pass for a part of whatever its first message was submitted by.
        context = None if observe.telemetry is None else observe.telemetry.apart()
        worker = self._loop_of_queue().create_task(self._work(first), context=context)
        self._workers.add(worker)
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

    async def _work(self, first: Place) -> None:
        """Be a connection: send one message after the other until the queue ends."""
        worker = asyncio.current_task()
        if worker is not None:
            self._opening.pop(worker, None)
        place: Place | None = first
        while place is not None:  # ends: with the queue
            if self._confirming is None:
                await self._send(place)
            else:
                await self._send_when_confirmed(place, self._confirming)
            # Where others send under the same limits, the limiter says whose turn it is.
            place = self._take() if self._turns.serves_only(self) else None
            if place is None:
                place = await self._wait_for_turn()

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
