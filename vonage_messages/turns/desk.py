"""Where single sends wait for their turns: those of a client that was given limits."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from vonage_messages.channels.base import Message
from vonage_messages.confirming import Passage
from vonage_messages.errors import LimitTimeoutError, VonageMessagesError
from vonage_messages.limits.departures import Departures, Hold
from vonage_messages.limits.levels import shown
from vonage_messages.limits.places import Place, Priority
from vonage_messages.limits.schedule import Schedule

if TYPE_CHECKING:
    from vonage_messages.confirming import Confirming
    from vonage_messages.turns.turns import Turns
    from vonage_messages.values import Seconds

_GRAIN: Seconds = 0.001
"""What the clock of a loop is coarse by: whoever waits for no time at all takes a place that is free now."""


class Desk:
    """Where single sends wait: a schedule without connections of its own."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.schedule = Schedule(turns.state)
        turns.join(self)

    async def wait(self, message: Message, deadline: float | None, max_wait: Seconds | None) -> Place:
        """Wait for one turn, until *deadline*; *max_wait* is how the caller has put that. Gives what was taken."""
        loop = asyncio.get_running_loop()
        place = Place(message, Priority.NORMAL, loop.time(), loop.create_future())
        place.keeps_order = False
        place.options = max_wait
        if deadline is not None:
            place.give_up_at = max(deadline, place.since) + _GRAIN
        self.schedule.add(place)
        if deadline is not None and max_wait is not None:
            wait, key = self.schedule.forecast(place, place.since)
            if place.since + wait > place.give_up_at:
                self.schedule.drop(place)
                raise LimitTimeoutError(max(wait, max_wait), max_wait, shown(key or "account"))
        if self.schedule.waiting == 1:
            self._turns.give_turns()
        else:
            # Not at once: turns given to a long row of tasks that are only being made would be taken all together.
            self._turns.sleep()
        await self._wait_for_turn(place)
        if self._turns.confirming is not None:
            await self._confirm(place, self._turns.confirming)
        elif self.schedule.state.departures is not None:
            await self._depart(place, self.schedule.state.departures)
        return place

    def give_back(self, place: Place) -> None:
        """Let others have the places under the limits of what had its turn, and does not leave."""
        self.schedule.give_back(place, asyncio.get_running_loop().time())
        self._turns.sleep()

    async def _wait_for_turn(self, place: Place) -> None:
        try:
            await place.owner
        except asyncio.CancelledError:
            self._leave(place)
            raise

    async def _confirm(self, place: Place, confirming: Confirming) -> None:
        """Leave when those who share the limits have confirmed the turn; until then, wait in the row for another."""
        passage: Passage | None = None
        while True:  # ends: with a place, or with the wait
            gates = (*self.schedule.state.account, *place.gates)
            passage = Passage(confirming, gates, place.granted_at, earlier=passage)
            try:
                if await self._pass(place, passage):
                    return
            except BaseException:
                self.schedule.give_back(place, asyncio.get_running_loop().time())
                raise
            now = asyncio.get_running_loop().time()
            self.schedule.give_back(place, now)
            if passage.obstacle is not None:
                self._turns.hold(passage.obstacle, passage.opens_at(now) or now)
            place.owner = asyncio.get_running_loop().create_future()
            self.schedule.again(place, now)
            self._turns.sleep()
            await self._wait_for_turn(place)

    @staticmethod
    async def _pass(place: Place, passage: Passage) -> bool:
        """Wait for the instant of a place; false where there is none within the horizon."""
        while await passage.ask():  # ends: with the instant, or with a place for which it is not too late
            now = asyncio.get_running_loop().time()
            while (opens_at := passage.opens_at(now)) is not None and passage.is_confirmed:  # ends: with the instant
                if opens_at >= place.give_up_at:
                    raise LimitTimeoutError(opens_at - place.since, place.options, shown(passage.key))
                await asyncio.sleep(opens_at - now)
                now = asyncio.get_running_loop().time()
            if opens_at is None:
                return True
            if opens_at > now:  # a pause has begun
                return False
        return False

    async def _depart(self, place: Place, departures: Departures) -> None:
        """Leave behind what others have held back, where they share these limits."""
        gates = (*self.schedule.state.account, *place.gates)
        hold = Hold(departures, gates, place.granted_at)
        while (opens_at := hold.opens_at(asyncio.get_running_loop().time())) is not None:  # ends: with the bunch
            if opens_at >= place.give_up_at:
                hold.end()
                self.schedule.give_back(place, asyncio.get_running_loop().time())
                raise LimitTimeoutError(opens_at - place.since, place.options, shown(hold.key))
            try:
                await asyncio.sleep(opens_at - asyncio.get_running_loop().time())
            except asyncio.CancelledError:
                hold.end()
                self.schedule.give_back(place, asyncio.get_running_loop().time())
                raise
        self._turns.left(place)

    def _leave(self, place: Place) -> None:
        """Let go of somebody whose wait was cancelled: a turn that came just then goes to the next."""
        if self.schedule.drop(place) or place.owner.cancelled() or place.owner.exception() is not None:
            return
        self.give_back(place)

    def next_turn(self, now: float) -> float:
        """Give the instant from which on somebody here may leave, or must hear that it is too late."""
        if not self.schedule.waiting:  # who gave up may still stand in a lane, and is nobody to wake for
            return math.inf
        return min(self.schedule.next_time(now), self.schedule.next_end())

    def take_turn(self) -> bool:
        """Let one message leave, if there is one that may."""
        now = asyncio.get_running_loop().time()
        for late in self.schedule.overdue(now):
            wait, key = self.schedule.forecast(late, now)
            if not late.owner.done():
                late.owner.set_exception(
                    LimitTimeoutError(max(wait, late.options), late.options, shown(key or "account"))
                )
        if not self.schedule.waiting or not self._turns.may_give():
            return False
        place = self.schedule.take(now)
        if place is None:
            return False
        self._turns.granted(place)
        self.schedule.sweep(now)
        if place.owner.done():
            self.schedule.give_back(place, now)
        else:
            place.owner.set_result(None)
        return True

    def stop(self, error: VonageMessagesError) -> None:
        """Let everybody here fail."""
        for place in self.schedule.drain():
            if not place.owner.done():
                place.owner.set_exception(error)
