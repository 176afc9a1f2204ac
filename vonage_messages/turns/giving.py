"""
Who stands in the row for turns, and the one timer for all of them.

It is the lower of two floors of ``Turns``, which know the store in which limits survive the process.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from vonage_messages.errors import RateLimitedError, VonageMessagesError
from vonage_messages.limits.learning import Pause, pause_of, pause_when_used_up
from vonage_messages.limits.levels import Limits, shown
from vonage_messages.limits.rate import TOLERANCE, Rate
from vonage_messages.limits.schedule import Schedule
from vonage_messages.limits.state import LimitState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vonage_messages.confirming import Confirming
    from vonage_messages.limits.buckets import Gate
    from vonage_messages.values import Seconds

_ROUNDS = 1000
_END_OF_TIME = 253_402_300_799.0
"""The last second that a ``datetime`` can tell, of the year 9999."""


class Waiter(Protocol):
    """Somebody who waits for turns under a limiter."""

    @property
    def schedule(self) -> Schedule:
        """Those who wait with it."""

    def next_turn(self, now: float) -> float:
        """Give the instant from which on ``take_turn`` may have something to do, or infinity."""

    def take_turn(self) -> bool:
        """Let one message leave, if there is one that may; false where there is none."""

    def stop(self, error: VonageMessagesError) -> None:
        """Let nobody leave any more: the limits cannot be kept."""


class Giving:
    """Gives turns, one after another, as *limits* allow; and learns from what the platform says about speed."""

    def __init__(
        self,
        limits: Limits,
        *,
        confirming: Confirming | None,
        is_stored: bool,
        longest_pause: Seconds,
        clock: Callable[[], float],
    ) -> None:
        self.limits = limits
        self.confirming = confirming
        """Who must confirm each turn; ``None`` where it is for this process alone to give them."""
        self._longest_pause = longest_pause
        self._clock = clock
        self._state: LimitState | None = None
        self.is_open = not is_stored and confirming is None
        """Whether turns can be given: the store knows that messages leave."""
        self.is_stored = is_stored
        """Whether ``granted`` must hear of every turn."""
        self._waiters: deque[Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._slack = _slack(self.limits)

    @property
    def state(self) -> LimitState:
        """What is left of the limits, from the first use on, which needs a running loop."""
        if self._state is None:
            self._state = LimitState(self.limits, asyncio.get_running_loop().time())
            if self.is_stored:
                self._state.keep_in_store()
            if self.confirming is not None:
                self._state.forget_the_unknown(asyncio.get_running_loop().time())
        return self._state

    def answered(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer that was accepted."""
        pause = pause_when_used_up(headers, self._clock())
        if pause is not None:
            now = asyncio.get_running_loop().time()
            self.state.pause_account(now, now + pause, "X-RateLimit-Remaining: 0")
            self._share_pause((gate.key for gate in self.state.account), pause)
            self._look_again()

    def refused(self, error: RateLimitedError, per_second: float) -> Seconds:
        """Learn from a 429; *per_second* was sent lately. Gives how long the account is paused."""
        pause = min(pause_of(error.retry_after, error.headers, self._clock()), self._longest_pause)
        why = "HTTP 429" if error.retry_after is None else f"HTTP 429, Retry-After: {error.retry_after:g}"
        self.state.refused(asyncio.get_running_loop().time(), pause, per_second, why)
        self._share_pause((gate.key for gate in self.state.account), pause)
        self._look_again()
        return pause

    def hold(self, gate: Gate, until: float) -> None:
        """Give no turn under *gate* before *until*: other processes have its places."""
        self.state.hold(gate, asyncio.get_running_loop().time(), until)
        self._look_again()

    def pauses(self, now: float) -> tuple[Pause, ...]:
        """List what the platform has paused, at the instant *now* of the loop."""
        if self._state is None:
            return ()
        unix_now = self._clock()
        return tuple(
            Pause(key=shown(key), until=datetime.fromtimestamp(min(unix_now + until - now, _END_OF_TIME), UTC), why=why)
            for key, until, why in self._state.pauses(now)
            if math.isfinite(until)
        )

    def leave(self, waiter: Waiter) -> None:
        """Let go of somebody who waits no longer."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def serves_only(self, waiter: Waiter) -> bool:
        """Tell whether nobody else sends under these limits."""
        return len(self._waiters) == 1 and self._waiters[0] is waiter

    def wake_at(self, when: float) -> None:
        """Give turns to whoever waits from the instant *when* on, on the clock of the loop."""
        if when >= self._timer_at:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = loop.call_at(when + self._slack, self._on_timer)

    def give_turns(self) -> None:
        """Give turns, one to each in a round, until nobody can leave; then sleep until one can."""
        state = self.state
        if state.slowed:
            state.recover(asyncio.get_running_loop().time())
        for _ in range(_ROUNDS):
            if not self._give_one_turn():
                break
        self.sleep()

    def sleep(self) -> None:
        """Set the timer to when somebody may leave next, or must be told that it is too late."""
        now = asyncio.get_running_loop().time()
        for waiter in self._waiters:
            when = waiter.next_turn(now) if self.is_open else waiter.schedule.next_end()
            if when < math.inf:
                self.wake_at(when)

    def _share_pause(self, keys: Iterable[str], pause: Seconds) -> None:
        """Let other processes hear of a pause."""
        if self.confirming is not None:
            self.confirming.pause(dict.fromkeys(keys, pause))

    def _look_again(self) -> None:
        """Look soon at those who wait: some may not be able to wait for the end of a pause."""
        self.wake_at(asyncio.get_running_loop().time())

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self.give_turns()

    def _give_one_turn(self) -> bool:
        """Give a turn to the first who can take one, and send it to the end of the row."""
        for waiter in tuple(self._waiters):
            if waiter.take_turn():
                if len(self._waiters) > 1 and waiter in self._waiters:
                    self._waiters.remove(waiter)
                    self._waiters.append(waiter)
                return True
        return False

    def _stop(self, error: VonageMessagesError) -> None:
        """Let everybody who waits fail; who comes later finds out whether the store is back."""
        self.is_open = False
        for waiter in tuple(self._waiters):
            waiter.stop(error)


def _slack(limits: Limits) -> Seconds:
    """
    How much later than necessary to wake: at 1,000 a second five places at once, instead of a thousand timers.

    It spends half of the tolerance that exists for late timers, so that no place is lost by it.
    """
    account = limits.account
    if isinstance(account, Rate) and account.burst is None:
        return max(0.0, TOLERANCE / 2 - account.interval)
    return 0.0
