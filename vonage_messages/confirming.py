"""
Turns that are confirmed by a store which several processes share: what stands behind a ``SharedLimiter``.

Theory of operation.

1. Every process keeps order, priorities and pairs by itself, and paces itself by buckets of its own, as if it were
   alone. A turn that it has given is then *confirmed*: the store is asked for a place under all limits of the message.
   Whoever asks while a call is under way goes with the next, so that a busy process makes few calls of many messages.
2. The store takes a place for an instant within the horizon, or none. In the first case the message leaves at that
   instant; in the second it goes back to its place in the row, and no turn is given under the limit that is in the way
   until shortly before it opens. So no connection waits for long, and nobody waits for a limit that is not its own.
3. A place is one of its instant. Whoever has been held up, by a commit or by a busy machine, for longer than ``LATE``
   takes another one: the bunch that would leave behind a stall is so counted by the store, for all processes at once.
   Under a cap he is counted already, in the slice of his instant, and takes no second place of a day as long as that is
   the slice in which he leaves.
4. The instants are the store's. How far its clock is from ours, is told by the call that was answered quickest of late,
   so that an answer which takes its time moves no instant; what it takes is hidden by places that are taken ahead.
5. Where the store cannot be reached, either nothing leaves, or a book of this process stands in for it, with a fraction
   of each rate, until the store answers again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

from vonage_messages.errors import ConfigurationError, StoreUnavailableError, VonageMessagesError
from vonage_messages.limits.buckets import Gate, Window
from vonage_messages.limits.shared import HORIZON, SharedBook, SharedLimit, Verdict, shared_limit, slice_end
from vonage_messages.logs import LogEvent, about
from vonage_messages.values import Seconds, is_finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonage_messages.limits.shared import SharedLimitStore

logger = logging.getLogger("vonage_messages")

Unreachable: TypeAlias = Literal["stop"] | float
"""What happens while the store cannot be reached: nothing leaves, or this fraction of each rate."""

LATE: Final[Seconds] = 0.02
"""How much later than its instant a place may be used. A second so has at most 2 % of its rate more."""

_LARGEST = 256
"""How many go in one call at the most: others wait for its locks meanwhile."""

_MOST_LATE = 5
"""After so many places for which it was too late, a message leaves all the same: on a machine that is so slow."""

_CALLS = 100
"""Of how many calls the quickest tells how far the clock of the store is from ours."""

_LOOKS = 5
"""How many calls are made for that alone, at the beginning: the first ones mostly take longer."""

_PROBE_EVERY: Final[Seconds] = 1.0
_SWEEP_EVERY: Final[Seconds] = 10.0


class Passage:
    """The way out of one message that had its turn: when it leaves, and what is in its way."""

    __slots__ = (
        "_asked", "_confirming", "_counted", "_counted_until", "_granted_at", "_instant", "_late", "_late_at",
        "_obstacle", "gates", "is_confirmed",
    )  # fmt: skip

    def __init__(
        self, confirming: Confirming, gates: Sequence[Gate], granted_at: float, *, earlier: Passage | None = None
    ) -> None:
        """*earlier* is what the same message had a place by, and was too late for."""
        self._confirming = confirming
        self._asked = gates
        self._counted: frozenset[str] = frozenset()
        """The caps under which it is counted."""
        self._counted_until: float = -math.inf
        """The end of the slice in which it is."""
        if earlier is not None:
            self._counted, self._counted_until = earlier._counted, earlier._counted_until  # noqa: SLF001  of this class
        self._granted_at = granted_at
        self._instant = -math.inf
        self._late_at = -math.inf
        self._late = 0
        self._obstacle: Gate | None = None
        self.gates = gates
        self.is_confirmed = False
        """Whether it has a place, for an instant that ``opens_at`` gives."""

    @property
    def obstacle(self) -> Gate | None:
        """The limit that has no place, or is paused."""
        return self._obstacle

    @property
    def key(self) -> str:
        """Name that limit."""
        return "account" if self._obstacle is None else self._obstacle.key

    @property
    def has_cap(self) -> bool:
        """Whether one of its limits is a cap: of those, nobody but the store knows what is left."""
        return any(isinstance(gate, Window) for gate in self.gates)

    def wanted(self, now: float) -> Sequence[Gate]:
        """Say under which limits it needs a place: not once more under the caps under which it is counted."""
        if now >= self._counted_until:
            self._counted = frozenset()
        self._asked = [gate for gate in self.gates if gate.key not in self._counted] if self._counted else self.gates
        return self._asked

    async def ask(self) -> bool:
        """
        Ask for a place, and tell whether there is one.

        Raises:
            StoreUnavailableError: the store cannot be asked.
        """
        await self._confirming.ask(self)
        return self.is_confirmed

    def opens_at(self, now: float) -> float | None:
        """Give the instant to wait for; ``None``: it leaves now. *now* itself, or earlier: it has to ``ask`` first."""
        paused = max(self.gates, key=_closed_until, default=None)
        if paused is not None and paused.closed_until > max(now, self._granted_at):
            self._obstacle = paused
            self.is_confirmed = False
            return paused.closed_until
        if not self.is_confirmed or now < self._instant:
            return self._instant
        if now <= self._late_at or self._late >= _MOST_LATE:
            return None
        self._late += 1
        self.is_confirmed = False
        self._instant = now
        return now

    def note(self, verdict: Verdict, said_at: float, ahead: Seconds) -> None:
        """Note what the store said at the instant *said_at*; *ahead* is how long before its instant to come again."""
        self._instant = said_at + verdict.wait
        self.is_confirmed = verdict.obstacle is None
        if verdict.obstacle is None:
            self._note_slice(verdict, said_at)
            # Under caps alone it does not matter when it leaves, within the slice for which it is counted.
            counts_until = self._counted_until if len(self._counted) == len(self.gates) else -math.inf
            self._late_at = max(self._instant + LATE, counts_until)
            return
        self._obstacle = self._asked[verdict.obstacle]
        # Whoever comes back when the place is free, finds that another has taken it ahead.
        self._instant -= ahead

    def _note_slice(self, verdict: Verdict, said_at: float) -> None:
        """
        Note under which caps the place is counted, and until when: to the end of the slice in which its instant lies.

        A place of a day that is thrown away for a moment of delay would be gone for the day.
        """
        caps = [gate for gate in self._asked if isinstance(gate, Window)]
        if caps:
            ends = (slice_end(verdict.now + verdict.wait, gate.cap.per) for gate in caps)
            self._counted = frozenset(gate.key for gate in caps)
            self._counted_until = said_at + min(ends) - verdict.now
        elif self._counted and self._instant >= self._counted_until:
            self._counted = frozenset()  # its new instant lies in the next slice: all has to be asked again
            self.is_confirmed = False


class Confirming:
    """Asks *store* for the places of one process; see ``SharedLimiter`` for the options, and for what is refused."""

    def __init__(
        self,
        store: SharedLimitStore,
        *,
        unreachable: Unreachable = "stop",
        horizon: Seconds = HORIZON,
    ) -> None:
        _check_store(store)
        _check_unreachable(unreachable)
        if not is_finite(horizon) or horizon < 0:
            raise ConfigurationError(f"horizon must be a finite number of seconds of 0 or more, not {horizon!r}.")
        self._store = store
        self._fraction = None if isinstance(unreachable, str) else float(unreachable)
        self._horizon = horizon
        self.on_lost: Callable[[StoreUnavailableError], None] = _ignore
        """Called when the store could not be asked, and nothing may leave."""
        self._opened_on: asyncio.AbstractEventLoop | None = None
        self._limits: dict[Gate, SharedLimit] = {}
        self._clock = _OtherClock()
        self._asking: list[tuple[Passage, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._pausing: dict[str, Seconds] = {}
        self._telling: asyncio.Task[None] | None = None
        self._stand_in: _StandIn | None = None
        self._probing: asyncio.Task[None] | None = None
        self._probe_at = -math.inf

    @property
    def is_standing_in(self) -> bool:
        """Whether the store cannot be reached, and a fraction of each rate leaves meanwhile."""
        return self._stand_in is not None

    async def open(self) -> None:
        """
        Find out whether the store can be asked; it is opened, if it is not open.

        Raises:
            StoreUnavailableError: it cannot be reached, and nothing may leave without it.
            ConfigurationError, OutboxError: it cannot be used, or was opened on an event loop that has ended.
        """
        try:
            await self._reach()
        except StoreUnavailableError as error:
            if self._fraction is None:
                raise
            self._stand_in_from_now(error)

    async def close(self) -> None:
        """Close the store, if it was opened here."""
        await self.finish()
        if self._opened_on is not None:
            self._opened_on = None
            await self._store.close()

    async def finish(self) -> None:
        """Wait for what is under way; nobody looks for a lost store any more."""
        if self._probing is not None:
            self._probing.cancel()
        under_way = [task for task in (self._task, self._telling, self._probing) if task is not None]
        if under_way:
            await asyncio.wait(under_way)

    def is_busy(self) -> bool:
        """Tell whether a call is under way."""
        return any(task is not None and not task.done() for task in (self._task, self._telling, self._probing))

    def leave_loop(self) -> None:
        """Forget what belongs to a loop that has ended."""
        self._asking.clear()
        self._pausing.clear()
        self._task = self._telling = self._probing = None

    def ask(self, passage: Passage) -> asyncio.Future[None]:
        """Have *passage* told what the store says. Cancelling the future cancels no call."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append((passage, answer))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._ask_for_all())
            self._task.add_done_callback(self._asking_ended)
        return answer

    def pause(self, pauses: Mapping[str, Seconds]) -> None:
        """Have no place under these limits for so many seconds, in any process. It is told in the background."""
        if self._stand_in is not None:
            self._stand_in.pause(pauses, asyncio.get_running_loop().time())
        for key, span in pauses.items():
            self._pausing[key] = max(span, self._pausing.get(key, 0.0))
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell_pauses())

    async def _reach(self) -> None:
        try:
            await self._open_or_look()
        except VonageMessagesError:
            raise
        except Exception as error:
            raise _unavailable(error) from error

    async def _open_or_look(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._store.is_open:
            await self._store.open()
            self._opened_on = loop
        if self._opened_on not in {None, loop}:
            raise ConfigurationError(
                "the store of these limits was opened on an event loop that has ended: use "
                "`async with SharedLimiter(…)`, or close the limiter, within each loop."
            )
        for _ in range(_LOOKS):
            asked_at = loop.time()
            (verdict,) = await self._store.take([[]])
            self._clock.local(verdict.now, asked_at, loop.time())

    async def _ask_for_all(self) -> None:
        """Ask for all who want to know, one call after the other."""
        try:
            while self._asking:  # ends: when nobody has come meanwhile
                await asyncio.sleep(0)  # once round the loop, so that all who are ready now go together
                asking, self._asking = self._asking[:_LARGEST], self._asking[_LARGEST:]
                await self._ask_or_fail([each for each in asking if not each[1].done()])
        finally:
            self._let_go()

    async def _ask_or_fail(self, asking: Sequence[tuple[Passage, asyncio.Future[None]]]) -> None:
        try:
            await self._ask_for(asking)
        except StoreUnavailableError as error:
            for _, answer in asking:
                if not answer.done():
                    answer.set_exception(error)
        except BaseException:
            for _, answer in asking:
                answer.cancel()
            raise

    def _asking_ended(self, task: asyncio.Task[None]) -> None:
        """Let go of those who asked a task that was cancelled before it began."""
        if task is self._task:
            self._let_go()

    def _let_go(self) -> None:
        self._task = None
        for _, answer in self._asking:  # the loop shuts down: nothing of theirs was asked
            answer.cancel()
        self._asking.clear()

    async def _ask_for(self, asking: Sequence[tuple[Passage, asyncio.Future[None]]]) -> None:
        """Make one call, and tell everybody who asked."""
        if self._stand_in is not None:
            self._look_for_store()
            self._answer_instead(asking, self._stand_in)
            return
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        wanted = [self._limits_of(passage, asked_at) for passage, _ in asking]
        try:
            verdicts = await self._store.take(wanted, horizon=self._horizon)
        except Exception as error:
            lost = _unavailable(error)
            if self._fraction is None or _is_final(error):
                self.on_lost(lost)
                raise lost from error
            self._answer_instead(asking, self._stand_in_from_now(lost))
            return
        answered_at = loop.time()
        said_at = self._clock.local(verdicts[0].now, asked_at, answered_at) if verdicts else answered_at
        for (passage, answer), verdict in zip(asking, verdicts, strict=True):
            passage.note(verdict, said_at, self._horizon / 2)
            if not answer.done():
                answer.set_result(None)

    def _limits_of(self, passage: Passage, now: float) -> list[SharedLimit]:
        """Say what the store must know; it is remembered for each limit, because most are asked for again."""
        known, limits = self._limits, []
        for gate in passage.wanted(now):
            limit = known.get(gate)
            if limit is None or (limit.interval != gate.interval and not limit.cap):
                if len(known) >= _LARGEST * 4:
                    known.clear()
                limit = known[gate] = shared_limit(gate)
            limits.append(limit)
        return limits

    def _answer_instead(self, asking: Sequence[tuple[Passage, asyncio.Future[None]]], stand_in: _StandIn) -> None:
        """Answer as the store would, with the fraction of each rate that this process may use without it."""
        now = asyncio.get_running_loop().time()
        for passage, answer in asking:
            if answer.done():
                continue
            if passage.has_cap:
                answer.set_exception(
                    StoreUnavailableError("the store of a cap cannot be reached: the message was not sent.")
                )
                continue
            passage.note(stand_in.take(self._limits_of(passage, now), now, self._horizon), now, self._horizon / 2)
            answer.set_result(None)

    def _stand_in_from_now(self, error: StoreUnavailableError) -> _StandIn:
        now = asyncio.get_running_loop().time()
        self._probe_at = now + _PROBE_EVERY
        if self._stand_in is None:
            self._stand_in = _StandIn(self._fraction or 0.0, now + self._horizon)
            logger.warning(
                "the store of shared limits cannot be reached: %g of each rate leaves until it can (%s)",
                self._fraction,
                error,
                extra=about(LogEvent.LIMITS_STORE_LOST),
            )
        return self._stand_in

    def _look_for_store(self) -> None:
        """See now and then whether the store answers again."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._probe_at and (self._probing is None or self._probing.done()):
            self._probing = loop.create_task(self._probe())

    async def _probe(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._reach()
            if self._stand_in is not None:
                await self._store.pause(self._stand_in.pauses(loop.time()))
        except Exception:  # noqa: BLE001  whatever it is, it is looked at again
            self._probe_at = loop.time() + _PROBE_EVERY
            return
        self._stand_in = None
        logger.warning("the store of shared limits answers again", extra=about(LogEvent.LIMITS_STORE_BACK))

    async def _tell_pauses(self) -> None:
        try:
            while self._pausing:  # ends: with the pauses that are to be told
                pauses, self._pausing = self._pausing, {}
                await self._tell(pauses)
        finally:
            self._telling = None

    async def _tell(self, pauses: Mapping[str, Seconds]) -> None:
        """Tell other processes of *pauses*, or not at all: told later, one would last as long again from then on."""
        try:
            await self._store.pause(pauses)
        except Exception as error:  # noqa: BLE001  whatever it is, this process keeps the pause
            logger.warning(
                "a pause could not be shared with other processes: %s",
                _unavailable(error),
                extra=about(LogEvent.LIMITS_PAUSE_NOT_SHARED),
            )


class _OtherClock:
    """How far the clock of the store is from that of the loop."""

    def __init__(self) -> None:
        self._behind: deque[Seconds] = deque(maxlen=_CALLS)
        """By how much each answer was behind the store's clock: the difference of the clocks, and its way back."""

    def local(self, theirs: float, asked_at: float, answered_at: float) -> float:
        """Give the instant of the loop at which the store's clock showed *theirs*: never one before that."""
        self._behind.append(answered_at - theirs)
        instant = theirs + min(self._behind)
        if instant >= asked_at:
            return instant
        self._behind.clear()  # one of the clocks was set
        self._behind.append(answered_at - theirs)
        return answered_at


class _StandIn:
    """
    A book of this process alone, with a *fraction* of each rate.

    What left before is not known here: nothing is left of any limit at *since*, not even the next place.
    """

    def __init__(self, fraction: float, since: float) -> None:
        self._fraction = fraction
        self._since = since
        self._book = SharedBook(since)
        self._left: dict[str, tuple[float, SharedLimit]] = {}
        """When the last one left under a limit."""
        self._longest = 0.0
        self._sweep_at = since + _SWEEP_EVERY

    def pauses(self, now: float) -> dict[str, Seconds]:
        """Say what the store must know of: what has left here, is nobody's burst there, and nobody's next place."""
        self._sweep(now)
        return {key: max(0.0, at + limit.interval - now) for key, (at, limit) in self._left.items()}

    def take(self, limits: Sequence[SharedLimit], now: float, horizon: Seconds) -> Verdict:
        if now >= self._sweep_at:
            self._sweep(now)
        fewer = [attrs.evolve(limit, interval=limit.interval / self._fraction) for limit in limits]
        for limit in fewer:
            self._longest = max(self._longest, limit.tolerance)
            if limit.key not in self._left:
                self._book.pause(limit.key, self._since + limit.interval)
        verdict = self._book.take([fewer], now, horizon)[0]
        if verdict.obstacle is None:
            self._left.update((limit.key, (now + verdict.wait, limit)) for limit in limits)
        return verdict

    def pause(self, pauses: Mapping[str, Seconds], now: float) -> None:
        for key, span in pauses.items():
            self._book.pause(key, now + span)

    def _sweep(self, now: float) -> None:
        self._book.sweep(now, self._longest)
        self._left = {
            key: (at, limit)
            for key, (at, limit) in self._left.items()
            if at + limit.interval / self._fraction + limit.tolerance > now
        }
        self._sweep_at = now + _SWEEP_EVERY


def _closed_until(gate: Gate) -> float:
    return gate.closed_until


def _is_final(error: Exception) -> bool:
    """Tell whether a store cannot be used, although it was reached: it belongs to a newer version, say."""
    return isinstance(error, VonageMessagesError) and not isinstance(error, StoreUnavailableError)


def _ignore(_error: StoreUnavailableError) -> None:
    """Do nothing."""


def _unavailable(error: Exception) -> StoreUnavailableError:
    """Say that a store failed, in its own words where those may be logged."""
    if isinstance(error, StoreUnavailableError):
        return error
    words = str(error) if isinstance(error, VonageMessagesError) else type(error).__name__
    return StoreUnavailableError(f"the store of shared limits cannot be used: {words}")


def _check_store(store: object) -> None:
    """Refuse what shares no limits, such as a ``FileLimitStore``, or a class instead of an object."""
    if isinstance(store, type) or not all(callable(getattr(store, name, None)) for name in ("take", "pause", "open")):
        what = f"the class {store.__name__}" if isinstance(store, type) else type(store).__name__
        raise ConfigurationError(
            "store must keep limits for several processes, such as PostgresLimitStore(…), RedisLimitStore(…) or "
            f"MemorySharedLimits(), and not be {what}."
        )


def _check_unreachable(value: object) -> None:
    if value == "stop":
        return
    if isinstance(value, bool) or not is_finite(value) or not 0 < value <= 1:
        raise ConfigurationError(
            f'unreachable must be "stop", or a fraction of each rate above 0 and up to 1, not {value!r}.'
        )
