"""
Random lives of a queue: futures and callers cancelled, loops that end, processes that die, clocks that jump.

What a queue does while its loop lives is in ``test_send_queue_properties.py``; this is about how it ends.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from contextlib import aclosing, suppress
from typing import Any

import attrs
from hypothesis import strategies as st

from vonage_messages.channels.base import Message
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.errors import (
    QueueClosedError,
    QueueFullError,
    ResponseLostError,
    ServerError,
    StoreUnavailableError,
    ValidationError,
    VonageMessagesError,
)
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.schedule import Priority
from vonage_messages.limits.store import MemoryLimitStore
from vonage_messages.sending.outcome import Outcome, SendFuture
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.wire.rest import SentMessage

ACCOUNT = Rate(5, burst=4)
PAIR = Rate(1, per=2.0, burst=2)
CAP = Cap(9, per=60)
LIMITS = Limits(account=ACCOUNT, pairs={"sms": PAIR})
CAPPED = Limits(account=(ACCOUNT, CAP), pairs={"sms": PAIR})
ANSWERS = ["accepted", "accepted", "refused", "unreachable", "lost", "server", "invalid", "fails", "slow"]


@attrs.define(eq=False)
class Life:
    """A process: what dies with it."""

    queue: SendQueue
    limiter: Limiter
    alive: bool = True
    tasks: list[asyncio.Task[Any]] = attrs.field(factory=list)
    futures: list[SendFuture] = attrs.field(factory=list)
    given: set[str] = attrs.field(factory=set)
    """What must have one outcome."""
    perhaps_given: set[str] = attrs.field(factory=set)
    """What ``put`` or ``map`` may have taken in before it ended."""
    outcomes: Counter[str] = attrs.field(factory=Counter)
    begun: set[str] = attrs.field(factory=set)
    """Whose last request has begun, and has no answer."""
    ends: bool = False
    """Whether its loop has ended: what was under way then is lost."""


class Store:
    """Where limits survive; a process that is gone writes nothing any more."""

    def __init__(self, kept: MemoryLimitStore) -> None:
        self._kept = kept
        self.alive = True

    async def load(self) -> Any:
        await asyncio.sleep(0.01)
        return await self._kept.load()

    async def save(self, snapshot: Any, /) -> None:
        await asyncio.sleep(0.005)
        if self.alive:
            await self._kept.save(snapshot)
        await asyncio.sleep(0.005)


class QueueHistory:
    """Every message has one outcome, none is sent twice, and every limit holds over every end."""

    def __init__(
        self, histories: Any, tools: Any, *, answers: list[str], capped: bool, options: dict[str, Any]
    ) -> None:
        self.counted: Counter[str] = histories.counted
        self.tools = tools
        self.clocks = histories.clocks()
        self.answers = ["accepted", *answers]
        self.options = options
        self.limits = CAPPED if capped else LIMITS
        self.kept = MemoryLimitStore()
        self.number = 0
        self.requests: list[tuple[float, Message]] = []
        self.final: set[str] = set()
        self.accepted: Counter[str] = Counter()
        self.keeps_limits = True
        """Whether the store says how much of the limits is used."""
        self.counted["histories of a queue"] += 1
        self.open()

    def open(self) -> None:
        """Begin a process."""
        self.store = Store(self.kept)
        limiter = Limiter(self.limits, store=self.store, clock=self.clocks.wall)
        self.life = self.make_life(limiter)

    def make_life(self, limiter: Limiter) -> Life:
        life: Life

        async def attempt(message: Message, *, api_version: str | None = None) -> Any:
            del api_version
            return await self.attempt(life, message)

        def note(outcome: Outcome) -> None:
            self.note(life, outcome)

        async def before(message: Message) -> None:
            if self.answer(message) == "fails":
                await asyncio.sleep(0.02)
                raise KeyError("before_send")

        client = self.tools.Platform(retry=RetryPolicy(attempts=3))
        client.attempt = attempt
        queue = self.tools.queue(client, limiter, on_outcome=note, before_send=before, max_outage=30.0, **self.options)
        life = Life(queue, limiter)
        return life

    # The platform ---------------------------------------------------------------------------------------------------

    def answer(self, message: Message) -> str:
        return self.answers[(3 * len(self.requests) + int(self.tools.text_of(message))) % len(self.answers)]

    async def attempt(self, life: Life, message: Message) -> Any:
        text = self.tools.text_of(message)
        if not life.alive:
            raise self.tools.unreachable()
        assert not life.ends, "begun behind the end of its loop"
        assert text not in self.final, "sent again"
        answer = self.answer(message)
        self.requests.append((self.clocks.now(), message))
        life.begun.add(text)
        await asyncio.sleep(3.0 if answer == "slow" else 0.05 * (1 + int(text) % 3))
        life.begun.discard(text)
        if not life.alive:
            raise self.tools.unreachable()
        if answer in {"accepted", "slow", "fails"}:
            self.final.add(text)
            self.accepted[text] += 1
            self.counted["messages of a queue that were accepted"] += 1
            return SentMessage(message_uuid=f"uuid-{text}")
        if answer in {"lost", "server"}:
            self.final.add(text)
        raise {
            "refused": lambda: self.tools.refused(0.5),
            "unreachable": self.tools.unreachable,
            "lost": self.tools.lost,
            "server": lambda: ServerError(500),
            "invalid": lambda: ValidationError(422),
        }[answer]()  # noqa: RSE102  it makes one

    def note(self, life: Life, outcome: Outcome) -> None:
        if not life.alive:
            return
        text = self.tools.text_of(outcome.message)
        life.outcomes[text] += 1
        assert (outcome.sent is not None) == (self.accepted[text] == 1)
        if text in life.begun:
            assert isinstance(outcome.error, ResponseLostError)
            self.final.add(text)
            self.counted["messages of a queue that a cancelled loop left in doubt"] += 1
        else:
            assert outcome.maybe_sent == (text in self.final)

    # What a program does --------------------------------------------------------------------------------------------

    def message(self) -> Message:
        self.number += 1
        message: Message = self.tools.sms(self.number, to=f"44770090000{self.number % 5}")
        return message

    def start(self, work: Any) -> None:
        async def begin() -> asyncio.Task[Any]:
            return asyncio.ensure_future(work)

        self.life.tasks.append(self.clocks.loop.run_until_complete(begin()))

    def submit(self, number: int, priority: Priority, options: dict[str, float]) -> None:
        async def submit_some() -> None:
            for _ in range(number):
                message = self.message()
                life.given.add(self.tools.text_of(message))
                try:
                    future = life.queue.submit(message, priority=priority, **options)
                except (QueueFullError, QueueClosedError):
                    life.given.discard(self.tools.text_of(message))
                    continue
                future.add_done_callback(lambda future: future.cancelled() or future.exception())  # somebody looks
                life.futures.append(future)

        life = self.life
        self.clocks.run(submit_some())

    def put(self, number: int) -> None:
        async def put_some() -> None:
            for _ in range(number):
                message = self.message()
                text = self.tools.text_of(message)
                life.perhaps_given.add(text)
                try:
                    await life.queue.put(message)
                except QueueClosedError:
                    life.perhaps_given.discard(text)
                    return
                life.given.add(text)

        life = self.life
        self.start(put_some())

    def map(self, number: int, ordered: bool, leave_after: int) -> None:
        async def read() -> None:
            seen: list[Outcome] = []
            try:
                async with aclosing(life.queue.map(some(), ordered=ordered, window=6)) as outcomes:  # type: ignore[type-var]
                    async for outcome in outcomes:
                        seen.append(outcome)
                        if len(seen) == leave_after:
                            break
            except QueueClosedError:
                pass
            texts = [self.tools.text_of(outcome.message) for outcome in seen]
            assert len(texts) == len(set(texts))
            assert not ordered or texts == sorted(texts, key=int)

        def some() -> Any:
            for _ in range(number):
                message = self.message()
                life.perhaps_given.add(self.tools.text_of(message))
                yield message

        life = self.life
        self.start(read())

    def cancel_future(self, number: int) -> None:
        async def cancel() -> None:
            waiting[number % len(waiting)].cancel()

        waiting = [future for future in self.life.futures if not future.done()]
        if waiting:
            self.counted["futures that were cancelled"] += 1
            self.clocks.run(cancel())

    def cancel_caller(self, number: int) -> None:
        """Break off a put, a map, a drain, a close or a cancel in its midst."""
        going_on = [task for task in self.life.tasks if not task.done()]
        if going_on:
            self.counted["callers that were cancelled"] += 1
            going_on[number % len(going_on)].cancel()
            self.clocks.run(asyncio.sleep(0))

    def pause_or_resume(self, what: str) -> None:
        getattr(self.life.queue, what)()

    def call(self, what: str) -> None:
        """Let somebody drain, close or cancel the queue; who waits for it may be cancelled."""
        self.start(getattr(self.life.queue, what)())

    def save_limits(self) -> None:
        self.start(self.life.limiter.save())

    def time_passes(self, seconds: float) -> None:
        self.clocks.let_pass(seconds)

    def machine_sleeps(self, seconds: float) -> None:
        self.counted["jumps of clocks"] += 1
        self.clocks.sleep_through(seconds)

    def clock_of_the_wall_jumps(self, seconds: float) -> None:
        self.counted["jumps of clocks"] += 1
        self.clocks.apart += seconds
        self.keeps_limits = self.keeps_limits and seconds < 0  # forward, nobody can know that the time did not pass

    # Its ends -------------------------------------------------------------------------------------------------------

    def close_and_open(self, how: str) -> None:
        """End in good order, whatever was done before, and begin again under the same limits."""
        self.end(how)
        self.clocks.begin_again()
        self.life = self.make_life(self.life.limiter)

    def end_of_loop(self) -> None:
        """End the loop, as ``asyncio.run`` does: everybody hears of it, and what had begun may have left."""
        self.counted["loops that ended"] += 1
        life = self.life
        life.ends = True
        self.clocks.end_all_tasks()
        self.clocks.begin_again()
        self.check_life(life)
        self.life = self.make_life(life.limiter)

    def crash(self) -> None:
        """Die: what waited is gone with the memory, and what had begun may have arrived."""
        self.counted["crashes of a queue"] += 1
        life = self.life
        life.alive = self.store.alive = False
        self.final |= life.begun
        self.clocks.end_all_tasks()
        self.clocks.begin_again()
        del life
        self.open()

    def end(self, how: str) -> None:
        async def end() -> None:
            with suppress(QueueClosedError):  # it was cancelled in its midst before
                await getattr(life.queue, how)()

        life = self.life
        life.queue.resume()
        self.clocks.run(end())
        self.clocks.run(asyncio.sleep(0))
        waiting = [task for task in life.tasks if not task.done()]
        if waiting:
            self.clocks.run(asyncio.wait(waiting))
        self.check_life(life)
        gc.collect(0)
        assert [task for task in asyncio.all_tasks(self.clocks.loop) if not task.done()] == []

    def check_life(self, life: Life) -> None:
        """Whatever was given has one outcome, and everybody who waited knows it."""
        assert life.given <= life.outcomes.keys(), life.given - life.outcomes.keys()
        assert life.outcomes.keys() <= life.given | life.perhaps_given
        assert set(life.outcomes.values()) <= {1}
        assert all(future.done() for future in life.futures)
        assert all(task.done() for task in life.tasks)
        for task in life.tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                assert isinstance(error, (QueueClosedError, StoreUnavailableError)), error
        for future in life.futures:
            if not future.cancelled() and (fault := future.exception()) is not None:
                assert isinstance(fault, (VonageMessagesError, KeyError)), fault
        stats = life.queue.stats()
        assert (stats.sending, sum(stats.waiting.values())) == (0, 0)
        assert stats.accepted + stats.failed + stats.cancelled == len(life.outcomes)
        self.counted["outcomes of a queue"] += len(life.outcomes)

    def finish(self) -> None:
        self.answers = ["accepted"]
        self.end("close")
        if self.keeps_limits:
            self.check_limits()

    def check_limits(self) -> None:
        everything = [at for at, _ in self.requests]
        self.tools.check_window(everything, ACCOUNT)
        if self.limits is CAPPED:
            assert all(later - at >= CAP.per for at, later in zip(everything, everything[CAP.n :], strict=False))
        for to in {message.to for _, message in self.requests}:
            self.tools.check_window([at for at, message in self.requests if message.to == to], PAIR)

    def close(self) -> None:
        self.clocks.close()


MOMENTS = st.sampled_from([0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.5, 1.0, 3.0, 8.0, 70.0])
ACTIONS = st.one_of(
    *4
    * [
        st.tuples(
            st.just("submit"),
            st.integers(1, 12),
            st.sampled_from(Priority),
            st.sampled_from([{}, {}, {"expires_in": 0.5}, {"expires_in": 5.0}, {"max_wait": 0.5}, {"max_wait": 5.0}]),
        )
    ],
    *2 * [st.tuples(st.just("put"), st.integers(1, 12))],
    *2 * [st.tuples(st.just("map"), st.integers(1, 20), st.booleans(), st.sampled_from([1, 3, 1000]))],
    *6 * [st.tuples(st.just("time_passes"), MOMENTS)],
    *2 * [st.tuples(st.just("cancel_future"), st.integers(0, 50))],
    *2 * [st.tuples(st.just("cancel_caller"), st.integers(0, 50))],
    st.tuples(st.just("pause_or_resume"), st.sampled_from(["pause", "resume", "resume"])),
    st.tuples(st.just("call"), st.sampled_from(["drain", "drain", "close", "cancel"])),
    st.tuples(st.just("save_limits")),
    st.tuples(st.just("machine_sleeps"), st.sampled_from([0.5, 30.0, 100_000.0])),
    st.tuples(
        st.just("clock_of_the_wall_jumps"), st.sampled_from([-100_000.0, -3600.0, -30.0, -2.0, 2.0, 3600.0, 100_000.0])
    ),
    st.tuples(st.just("close_and_open"), st.sampled_from(["close", "cancel"])),
    st.tuples(st.just("end_of_loop")),
    *2 * [st.tuples(st.just("crash"))],
)
SETTING = st.fixed_dictionaries(
    {
        "answers": st.lists(st.sampled_from(ANSWERS), max_size=8),
        "capped": st.booleans(),
        "options": st.fixed_dictionaries(
            {"maxsize": st.sampled_from([1, 4, 1000]), "connections": st.sampled_from([1, 2, 64])}
        ),
    }
)


def test_every_message_has_one_outcome_over_every_end(histories: Any, tools: Any) -> None:
    histories.play(
        lambda *given, **setting: QueueHistory(*given, tools, **setting), SETTING, ACTIONS, examples=30, steps=40
    )


def test_queue_that_is_closed_again_has_saved_its_limits_when_it_returns(histories: Any, tools: Any) -> None:
    """The first to close it was cancelled while it saved: the save goes on, and the next to close it waits for it."""
    history = QueueHistory(histories, tools, answers=[], capped=False, options={})
    history.submit(1, Priority.NORMAL, {})
    history.time_passes(1.0)
    history.call("close")
    history.time_passes(0.002)
    history.cancel_caller(0)
    assert asyncio.all_tasks(history.clocks.loop) != set()
    history.end("close")
    history.close()
