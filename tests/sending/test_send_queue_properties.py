"""Random histories of a queue: every message has one outcome, none is sent twice, and every limit holds."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter, defaultdict
from typing import Any

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vonage_messages import errors
from vonage_messages.channels.base import Message
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.store import MemoryLimitStore
from vonage_messages.sending.outcome import Outcome
from vonage_messages.webhooks import parse_status

from .throttled import TOO_FAST

ACCOUNT = Rate(20)
SENDER = Rate(8)
PAIR = Rate(1, per=2.0, burst=3)
CAP = Cap(12, per=30)
LIMITS = Limits(account=ACCOUNT, each_sender={"whatsapp": SENDER}, pairs={"whatsapp": PAIR})
CAPPED = Limits(account=(ACCOUNT, CAP), each_sender={"whatsapp": SENDER}, pairs={"whatsapp": PAIR})

ANSWERS = ["accepted"] * 8 + ["refused", "refused_long", "unreachable", "lost", "server", "invalid", "hook", "held"]
ACTIONS = st.one_of(
    st.tuples(st.just("submit"), st.integers(0, 3), st.sampled_from(Priority)),
    st.tuples(st.just("submit"), st.integers(0, 3), st.sampled_from(Priority)),
    st.tuples(st.just("deadline"), st.integers(0, 3), st.sampled_from([0.3, 1.0, 5.0])),
    st.tuples(st.just("max_wait"), st.integers(0, 3), st.sampled_from([0.3, 1.0, 5.0])),
    st.tuples(st.just("put"), st.integers(0, 3), st.none()),
    st.tuples(st.just("map"), st.integers(1, 12), st.booleans()),
    st.tuples(st.just("leave_map"), st.integers(1, 12), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.none()),
    st.tuples(st.just("pause"), st.none(), st.none()),
    st.tuples(st.just("resume"), st.none(), st.none()),
    st.tuples(st.just("observe"), st.sampled_from([131056, 130429]), st.none()),
    st.tuples(st.just("acquire"), st.integers(0, 3), st.none()),
    st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.01, 0.3, 2.0]), st.none()),
)


@attrs.define
class History:
    """What happened."""

    outcomes: Counter[str] = attrs.field(factory=Counter)
    sent: Counter[str] = attrs.field(factory=Counter)
    final: set[str] = attrs.field(factory=set)
    """What was accepted, or may have been: there must be no request for it any more."""
    order: dict[tuple[str, str, Priority], list[int]] = attrs.field(factory=lambda: defaultdict(list))
    began: list[tuple[float, Message]] = attrs.field(factory=list)
    passed: list[float] = attrs.field(factory=list)
    given: dict[str, Priority | None] = attrs.field(factory=dict)


class Script:
    """Plays a random history, and checks it while it goes on."""

    def __init__(self, tools: Any, answers: list[str], maxsize: int, connections: int, *, capped: bool) -> None:
        self.tools = tools
        self.answers = answers
        self.history = History()
        self.futures: list[Any] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.number = 0
        self.asked = 0
        self.platform = tools.Platform(self.answer, latency=self.latency, retry=RetryPolicy(attempts=3))
        self.capped = capped
        self.limiter = Limiter(CAPPED, store=MemoryLimitStore()) if capped else Limiter(LIMITS)
        self.queue = tools.queue(
            self.platform,
            self.limiter,
            maxsize=maxsize,
            connections=connections,
            before_send=self.before,
            on_outcome=self.note,
            max_outage=30.0,
        )
        self.hook_fails: set[str] = set()

    def latency(self, message: Message) -> float:
        text = self.tools.text_of(message)
        assert text not in self.history.final, "sent again"
        self.history.began.append((asyncio.get_running_loop().time(), message))
        return 0.01 * (int(text) % 7)

    async def before(self, message: Message) -> None:
        self.asked += 1
        kind = self.answers[self.asked % len(self.answers)]
        if kind == "hook":
            await asyncio.sleep(0.02)
            raise KeyError(self.tools.text_of(message))
        if kind == "held":
            await asyncio.sleep(0.3)

    def answer(self, message: Message, _number: int) -> BaseException | None:
        text = self.tools.text_of(message)
        kind = self.answers[(7 * len(self.history.began) + int(text)) % len(self.answers)]
        if kind in {"accepted", "hook", "held"}:
            self.history.final.add(text)
            self.history.sent[text] += 1
            priority = self.history.given[text]
            if priority is not None:
                self.history.order[message.from_, message.to, priority].append(int(text))
            return None
        if kind in {"lost", "server"}:
            self.history.final.add(text)
        failures: dict[str, BaseException] = {
            "refused": self.tools.refused(0.2),
            "refused_long": self.tools.refused(3),
            "unreachable": self.tools.unreachable(),
            "lost": self.tools.lost(),
            "server": errors.ServerError(500),
            "invalid": errors.ValidationError(422),
        }
        return failures[kind]

    def note(self, outcome: Outcome) -> None:
        text = self.tools.text_of(outcome.message)
        self.history.outcomes[text] += 1
        assert (outcome.sent is not None) == (self.history.sent[text] == 1)
        assert outcome.maybe_sent == (text in self.history.final)
        if (
            outcome.sent is None and self.futures
        ):  # a listener may do as it likes: the one it hears of may be among them
            for number in (int(text) - 1, 7 * int(text)):
                self.futures[number % len(self.futures)].cancel()

    def message(self, pair: int, priority: Priority | None) -> Message:
        self.number += 1
        self.history.given[str(self.number)] = priority
        message: Message = self.tools.whatsapp(self.number, to=f"44770090000{pair % 3}", from_=f"1415555010{pair // 3}")
        return message

    def discard(self) -> None:
        del self.history.given[str(self.number)]

    async def act(self, kind: str, what: Any, how: Any) -> None:
        queue = self.queue
        if kind in {"submit", "deadline", "max_wait"}:
            priority = how if kind == "submit" else Priority.NORMAL
            options = {"submit": {}, "deadline": {"expires_in": how}, "max_wait": {"max_wait": how}}[kind]
            message = self.message(what, priority)
            try:
                self.futures.append(queue.submit(message, priority=priority, **options))
            except errors.QueueFullError:
                self.discard()
        elif kind == "put":
            self.start(self.put(self.message(what, None)))
        elif kind in {"map", "leave_map"}:
            self.start(self.stream(what, ordered=how, leave=kind == "leave_map"))
        elif kind == "cancel":
            if self.futures:
                self.futures[what % len(self.futures)].cancel()
        elif kind == "observe":
            queue.observe(
                parse_status(TOO_FAST | {"error": {"type": "about:blank", "title": what, "detail": "made up"}})
            )
        elif kind == "acquire":
            self.start(self.acquire())
        elif kind == "sleep":
            await asyncio.sleep(what)
        else:
            getattr(queue, kind)()

    def start(self, work: Any) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def put(self, message: Message) -> None:
        try:
            await self.queue.put(message)
        except errors.QueueClosedError:
            del self.history.given[self.tools.text_of(message)]

    async def acquire(self) -> None:
        await self.limiter.acquire(self.tools.sms(0))
        self.history.passed.append(asyncio.get_running_loop().time())

    async def stream(self, count: int, *, ordered: bool, leave: bool) -> None:
        """Read a few messages; all that were read have an outcome, those that were not have none."""
        messages = (self.message(each % 4, None) for each in range(count))
        seen = 0
        with contextlib.suppress(errors.QueueClosedError):
            async with contextlib.aclosing(self.queue.map(messages, ordered=ordered, window=4)) as outcomes:
                async for _ in outcomes:
                    seen += 1
                    if leave and seen == 2:
                        break

    async def play(self, actions: list[tuple[Any, ...]], *, end: str) -> None:
        for action in actions:
            await self.act(*action)
        if end == "close":
            self.queue.resume()
            await self.queue.drain()
            await asyncio.wait_for(asyncio.gather(*self.tasks), 10_000)
            await self.queue.close()
        else:
            await self.queue.cancel()
            await asyncio.wait_for(asyncio.gather(*self.tasks), 10_000)
        await asyncio.gather(*self.futures, return_exceptions=True)
        self.check()

    def check(self) -> None:
        history = self.history
        unread = {text for text in history.given if text not in history.outcomes}
        assert unread <= self.not_taken(), unread
        assert all(count == 1 for count in history.outcomes.values())
        assert all(count == 1 for count in history.sent.values())
        assert all(future.done() for future in self.futures)
        for numbers in history.order.values():
            assert numbers == sorted(numbers)
        stats = self.queue.stats()
        assert stats.accepted == len(history.sent)
        assert stats.accepted + stats.failed + stats.cancelled == len(history.outcomes)
        assert stats.attempts == len(history.began)
        assert (stats.sending, sum(stats.waiting.values()), len(self.queue)) == (0, 0, 0)
        self.check_limits()

    def not_taken(self) -> set[str]:
        """What a stream had read when the queue was closed to it."""
        return {text for text, priority in self.history.given.items() if priority is None}

    def check_limits(self) -> None:
        check = self.tools.check_window
        everything = sorted([at for at, _ in self.history.began] + self.history.passed)
        check(everything, ACCOUNT)
        if self.capped:
            assert all(later - at >= CAP.per for at, later in zip(everything, everything[CAP.n :], strict=False))
        senders, pairs = defaultdict(list), defaultdict(list)
        for at, message in self.history.began:
            senders[message.from_].append(at)
            pairs[message.from_, message.to].append(at)
        for instants in senders.values():
            check(instants, SENDER)
        for instants in pairs.values():
            check(instants, PAIR)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    actions=st.lists(ACTIONS, min_size=1, max_size=40),
    answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=9).map(lambda some: ["accepted", *some]),
    maxsize=st.sampled_from([1, 3, 1000]),
    connections=st.sampled_from([1, 2, 64]),
    end=st.sampled_from(["close", "cancel"]),
    capped=st.booleans(),
)
def test_every_message_has_one_outcome_and_every_limit_holds(  # noqa: PLR0913, PLR0917  one history
    tools: Any,
    actions: list[tuple[Any, ...]],
    answers: list[str],
    maxsize: int,
    connections: int,
    end: str,
    capped: bool,
) -> None:
    async def history() -> None:
        await Script(tools, answers, maxsize, connections, capped=capped).play(actions, end=end)

    tools.run_virtually(history())
    gc.collect(0)
