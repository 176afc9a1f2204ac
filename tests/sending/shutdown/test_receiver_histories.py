"""
Random lives of a receiver: callers that hang up, handlers that fail or never end, a close in their midst, crashes.

The platform repeats each callback until it is answered with 200, over every restart; the memory of what was handled
survives, as one in a database does.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import attrs
from hypothesis import strategies as st

from vonage_messages.receiving.receiver import Answer, Receiver
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook
from vonage_messages.webhooks.stores import MemorySeenStore, SeenKey, Standing

SECRET = "example-signature-secret-0123456789abcdef"
EVENTS = 4
STUBBORN = 0.7
"""For how many seconds a handler goes on that does not let itself be cancelled: less than ``close`` waits for it."""


class Memory:
    """What was handled, in a database: it takes its time, and lets a key go whose process has died."""

    def __init__(self, kept: MemorySeenStore, began: dict[SeenKey, Memory]) -> None:
        self.kept = kept
        self.began = began
        self.alive = True

    def of_next_life(self) -> Memory:
        return Memory(self.kept, self.began)

    async def begin(self, key: SeenKey, /) -> Standing:
        await self._take_time()
        if not self.began.get(key, self).alive:
            await self.kept.abort(key)
        standing = await self.kept.begin(key)
        if standing is Standing.NEW:
            self.began[key] = self
        await self._take_time()
        return standing

    async def commit(self, key: SeenKey, /) -> None:
        await self._take_time()
        await self.kept.commit(key)
        await self._take_time()

    async def abort(self, key: SeenKey, /) -> None:
        await self._take_time()
        await self.kept.abort(key)
        await self._take_time()

    async def _take_time(self) -> None:
        await asyncio.sleep(0.005)
        if not self.alive:
            raise ConnectionError("the process is gone")


@attrs.define(eq=False)
class Life:
    """A process: what dies with it."""

    receiver: Receiver
    alive: bool = True
    closed: bool = False
    calls: dict[asyncio.Task[Any], int] = attrs.field(factory=dict)
    closing: list[asyncio.Task[Any]] = attrs.field(factory=list)


class ReceiverHistory:
    """Every callback is answered, and every event is handled to its end exactly once."""

    def __init__(self, histories: Any, *, mode: str, signed: bool, handlers: list[str], max_running: int) -> None:
        self.counted: Counter[str] = histories.counted
        self.clocks = histories.clocks()
        self.mode = mode
        self.signed = signed
        self.handlers = handlers
        self.max_running = max_running
        self.memory = Memory(MemorySeenStore(), {})
        self.started: Counter[int] = Counter()
        self.finished: Counter[int] = Counter()
        self.running: Counter[int] = Counter()
        self.given_up: set[int] = set()
        """Events whose handler was broken off, or failed, behind an answer: nobody brings them again."""
        self.answered: set[int] = set()
        self.violations: list[str] = []
        self.bodies = [_body(event) for event in range(EVENTS)]
        self.headers = [
            sign_webhook(body, SECRET, api_key="a1b2c3d", issued_at=self.clocks.wall()) for body in self.bodies
        ]
        self.counted["histories of a receiver"] += 1
        self.life = self.begin_life()

    def begin_life(self) -> Life:
        router = Router()
        verifier = SignatureVerifier(SECRET, clock=self.clocks.wall, max_age=1e9) if self.signed else None
        self.memory = self.memory.of_next_life()
        life = Life(
            Receiver(
                router,
                verifier=verifier,
                insecure=not self.signed,
                seen=self.memory,
                mode=self.mode,
                max_running=self.max_running,
            )
        )

        @router.inbound()
        async def handle(event: Any) -> None:
            await self.handle(life, int(event.content.text))

        return life

    async def handle(self, life: Life, event: int) -> None:
        if not life.alive:
            return
        if self.finished[event] or self.running[event]:
            self.violations.append(f"{event} was handled twice")  # the receiver would take an assertion for a failure
        if event in self.answered and self.mode == "run_first":
            self.violations.append(f"{event} was handled behind its answer")
        kind = self.handlers[(self.started.total() + event) % len(self.handlers)]
        self.started[event] += 1
        self.running[event] += 1
        try:
            await self.behave(kind)
        except BaseException:
            if self.mode == "acknowledge_first":
                self.given_up.add(event)
            raise
        finally:
            self.running[event] -= 1
        if life.alive:
            self.finished[event] += 1

    async def behave(self, kind: str) -> None:
        if kind == "stubborn":
            try:
                await asyncio.sleep(STUBBORN)
            except asyncio.CancelledError:
                await asyncio.sleep(STUBBORN)
        elif kind != "quick":
            await asyncio.sleep({"slow": 0.5, "fails": 0.1, "endless": 1000.0}[kind])
        if kind == "fails":
            raise ValueError

    # What the platform does -----------------------------------------------------------------------------------------

    def call(self, event: int) -> None:
        """Let the platform call, unless it knows that this event was taken."""
        if event in self.answered:
            return
        self.counted["callbacks"] += 1
        life = self.life

        async def call() -> None:
            answer: Answer = await life.receiver.receive(self.headers[event], self.bodies[event])
            if life.alive:
                self.note(life, event, answer.status)

        self.life.calls[self.start(call())] = event

    def note(self, life: Life, event: int, status: int) -> None:
        assert status in {200, 500, 503}
        assert status != 200 or not life.closed, "answered by a receiver that is closed"
        if status == 200:
            self.answered.add(event)
            assert self.mode == "acknowledge_first" or self.finished[event] == 1

    def call_again(self, event: int) -> None:
        """Let the platform call once more although it had its 200: the answer was lost on its way, say."""
        if event in self.answered:
            self.answered.discard(event)
            self.call(event)

    def hang_up(self, number: int) -> None:
        calls = [task for task in self.life.calls if not task.done()]
        if calls:
            self.counted["callers that hung up"] += 1
            calls[number % len(calls)].cancel()
            self.clocks.run(asyncio.sleep(0))

    def time_passes(self, seconds: float) -> None:
        self.clocks.let_pass(seconds)

    def machine_sleeps(self, seconds: float) -> None:
        self.counted["jumps of clocks"] += 1
        self.clocks.sleep_through(seconds)

    def clock_of_the_wall_jumps(self, seconds: float) -> None:
        """Forward: set back, signatures would come from the future, and be refused for that."""
        self.counted["jumps of clocks"] += 1
        self.clocks.apart += seconds

    # Its ends -------------------------------------------------------------------------------------------------------

    def close_receiver(self, timeout: float) -> None:
        """Let somebody close it, who may be cancelled."""
        self.life.closing.append(self.start(self.life.receiver.close(timeout)))

    def cancel_closing(self) -> None:
        for task in self.life.closing:
            task.cancel()
        self.clocks.run(asyncio.sleep(0))

    def restart(self, timeout: float) -> None:
        """Close it to the end, and begin again."""
        self.end(timeout)
        self.memory.alive = False
        self.life = self.begin_life()

    def crash(self) -> None:
        self.counted["crashes of a receiver"] += 1
        self.life.alive = self.memory.alive = False
        if self.mode == "acknowledge_first":
            self.given_up |= {event for event, number in self.running.items() if number}
            self.given_up |= {event for event in self.life.calls.values() if not self.finished[event]}
        for key in self.memory.kept._running:  # handled to its end, and nobody knows: it comes again
            self.finished.pop(int(key[1][-1]), None)
        self.clocks.end_all_tasks()
        self.running.clear()
        self.clocks.begin_again()
        self.life = self.begin_life()

    def end(self, timeout: float) -> None:
        life = self.life
        began = float(self.clocks.loop.time())
        self.clocks.run(life.receiver.close(timeout))
        took = float(self.clocks.loop.time()) - began
        assert took <= timeout + 1.0 + 0.001, took
        life.closed = True
        if self.mode == "acknowledge_first":  # cancelled between the two: it is not known whether it was taken
            self.given_up |= {life.calls[task] for task in life.calls if not task.cancelled()}
        calls = [task for task in life.calls if not task.done()]
        assert calls == [], "a caller waits for a receiver that is closed"
        assert life.receiver.running == 0
        for task in life.calls:
            assert task.cancelled() or task.exception() is None
        if self.mode == "acknowledge_first":  # nothing is left to run them
            self.given_up |= {event for event in self.answered if not self.finished[event]}
        if life.closing:
            self.clocks.run(asyncio.wait(life.closing))
        assert [task for task in asyncio.all_tasks(self.clocks.loop) if not task.done()] == []

    def finish(self) -> None:
        self.restart(5.0)
        self.handlers = ["quick"]
        for _ in range(2):
            for event in range(EVENTS):
                self.call(event)
                self.clocks.let_pass(2.0)
        assert self.violations == []
        assert self.answered == set(range(EVENTS))
        for event in range(EVENTS):
            assert self.finished[event] == 1 or event in self.given_up
        if self.mode == "run_first":
            assert self.given_up == set()
        self.end(5.0)

    def start(self, work: Any) -> asyncio.Task[Any]:
        async def begin() -> asyncio.Task[Any]:
            return asyncio.ensure_future(work)

        task: asyncio.Task[Any] = self.clocks.loop.run_until_complete(begin())
        return task

    def close(self) -> None:
        self.clocks.close()


def _body(event: int) -> bytes:
    return json.dumps(
        {
            "channel": "whatsapp",
            "message_type": "text",
            "message_uuid": f"aaaaaaaa-bbbb-4ccc-8ddd-00000000000{event}",
            "to": "447700900000",
            "from": "447700900001",
            "timestamp": "2025-02-03T12:14:25Z",
            "text": str(event),
        }
    ).encode()


MOMENTS = st.sampled_from([0.0, 0.005, 0.015, 0.1, 0.3, 0.6, 2.0])
ACTIONS = st.one_of(
    *5 * [st.tuples(st.just("call"), st.integers(0, EVENTS - 1))],
    st.tuples(st.just("call_again"), st.integers(0, EVENTS - 1)),
    *5 * [st.tuples(st.just("time_passes"), MOMENTS)],
    *2 * [st.tuples(st.just("hang_up"), st.integers(0, 20))],
    st.tuples(st.just("machine_sleeps"), st.sampled_from([0.5, 100.0])),
    st.tuples(st.just("clock_of_the_wall_jumps"), st.sampled_from([60.0, 3600.0])),
    st.tuples(st.just("close_receiver"), st.sampled_from([0.0, 0.2, 10.0])),
    st.tuples(st.just("cancel_closing")),
    st.tuples(st.just("restart"), st.sampled_from([0.0, 0.2, 10.0])),
    st.tuples(st.just("crash")),
)
SETTING = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["run_first", "acknowledge_first"]),
        "signed": st.booleans(),
        "handlers": st.lists(
            st.sampled_from(["quick", "slow", "slow", "fails", "endless", "stubborn"]), min_size=1, max_size=5
        ),
        "max_running": st.sampled_from([1, 1000]),
    }
)


def test_every_event_is_handled_once_over_every_end(histories: Any) -> None:
    histories.play(ReceiverHistory, SETTING, ACTIONS, examples=15, steps=40)


def test_what_was_handled_when_close_gave_up_waiting_is_not_handled_again(histories: Any) -> None:
    history = ReceiverHistory(histories, mode="run_first", signed=True, handlers=["quick"], max_running=1000)
    history.call(0)
    history.time_passes(0.012)
    assert history.finished[0] == 1
    history.restart(0.0)
    history.finish()
    history.close()
