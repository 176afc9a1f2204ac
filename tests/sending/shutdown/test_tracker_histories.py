"""Random lives of a tracker: statuses before and after ``send``, waits that are broken off, clocks that jump."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
from hypothesis import strategies as st

from vonage_messages.channels.sms import Sms
from vonage_messages.errors import NotDeliveredError, WaitTimeoutError
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.webhooks import parse_inbound, parse_status

ENOUGH = {
    "submitted": {"submitted", "delivered", "read"},
    "delivered": {"delivered", "read"},
    "read": {"read"},
    "rejected": {"rejected", "undeliverable", "delivered", "read"},
}
"""Which statuses answer somebody who waits for one."""
FAILURES = {"rejected", "undeliverable"}
STATUSES = ["submitted", "delivered", "read", "rejected", "undeliverable", "of tomorrow"]
MESSAGES = 3


@attrs.define(eq=False)
class Wait:
    """Somebody who waits, and what must come of it."""

    task: asyncio.Task[Any]
    message: int
    wanted: str
    """A status, or ``reply`` or ``last``."""
    ends_at: float | None
    before: frozenset[str] = frozenset()
    """Statuses that came before it began: the tracker knows of them or, where it has forgotten them, not."""
    fate: str | None = None
    """What it must end with: the words of a status or reply, ``failed``, ``late`` or ``cancelled``."""


class TrackerHistory:
    """Every wait ends with the first thing that ends it, and leaves nothing behind."""

    def __init__(self, histories: Any, *, maximum: int) -> None:
        self.counted: Counter[str] = histories.counted
        self.clocks = histories.clocks()
        self.tracker = Tracker(maximum=maximum, maximum_inbound=maximum)
        self.remembers_all = maximum > 1
        self.arrived: list[list[str]] = [[] for _ in range(MESSAGES)]
        self.replies: list[list[str]] = [[] for _ in range(MESSAGES)]
        self.waits: list[Wait] = []
        self.number = 0
        self.counted["histories of a tracker"] += 1

    # What comes -----------------------------------------------------------------------------------------------------

    def status(self, message: int, status: str) -> None:
        """Let a status arrive, perhaps before anybody knows of the message."""
        is_new = status not in self.arrived[message]
        self.arrived[message].append(status)
        self.clocks.run(self.tracker.observe(_status(message, status)))
        for wait in self.waits:
            if wait.fate is not None or wait.message != message:
                continue
            is_news_to_it = wait.task.done() if status in wait.before and not self.remembers_all else is_new
            if is_news_to_it:
                wait.fate = _verdict(wait.wanted, [status])
        self.check()

    def reply(self, message: int, quotes: bool) -> None:
        """Let a person answer; without a quotation it answers what was sent before it to that person."""
        self.number += 1
        text = f"reply {self.number}"
        knows = quotes or bool(self.arrived[message])
        if knows:
            self.replies[message].append(text)
        self.clocks.run(self.tracker.observe(_reply(message, text, quotes=quotes)))
        for wait in self.waits:
            if wait.fate is None and wait.message == message and wait.wanted == "reply":
                wait.fate = text
        self.check()

    # Who waits ------------------------------------------------------------------------------------------------------

    def wait_for(self, message: int, wanted: str, timeout: float | None) -> None:
        fate = _verdict(wanted, self.arrived[message]) if self.remembers_all else None
        self.begin(self.tracker.wait_for(_uuid(message), wanted, timeout=timeout), message, wanted, timeout, fate)

    def wait_for_last(self, message: int, timeout: float | None) -> None:
        async def read() -> Any:
            async for status in self.tracker.statuses(_uuid(message), timeout=timeout):
                last = status
            return last

        fate = _verdict("last", self.arrived[message]) if self.remembers_all else None
        self.begin(read(), message, "last", timeout, fate)

    def wait_for_reply(self, message: int, timeout: float | None) -> None:
        sms = Sms(to=_person(message), from_="Acme", text="x")
        waiting = self.tracker.wait_for_reply(_uuid(message), message=sms, timeout=timeout)
        fate = next(iter(self.replies[message]), None) if self.remembers_all else None
        self.begin(waiting, message, "reply", timeout, fate)

    def begin(self, work: Any, message: int, wanted: str, timeout: float | None, fate: str | None) -> None:
        async def start() -> asyncio.Task[Any]:
            task = asyncio.ensure_future(work)
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # somebody looks
            await asyncio.sleep(0)
            return task

        ends_at = None if timeout is None else float(self.clocks.loop.time()) + timeout
        task = self.clocks.run(start())
        self.waits.append(Wait(task, message, wanted, ends_at, frozenset(self.arrived[message]), fate))
        self.counted["waits"] += 1
        if fate is None and task.done() and not self.remembers_all:
            self.waits.pop()  # by what it still remembered
        self.check()

    def cancel(self, number: int) -> None:
        going_on = [wait for wait in self.waits if not wait.task.done()]
        if going_on:
            self.counted["waits that were cancelled"] += 1
            wait = going_on[number % len(going_on)]
            wait.task.cancel()
            wait.fate = "cancelled"
            self.clocks.run(asyncio.sleep(0))
        self.check()

    def time_passes(self, seconds: float) -> None:
        self.clocks.let_pass(seconds)
        self.check()

    def machine_sleeps(self, seconds: float) -> None:
        self.counted["jumps of clocks"] += 1
        self.clocks.sleep_through(seconds)
        self.check()

    # What comes of it -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """See that those have ended who must, as they must, and nobody else."""
        now = float(self.clocks.loop.time())
        for wait in self.waits:
            if wait.fate is None and wait.ends_at is not None and wait.ends_at <= now:
                wait.fate = "late"
            assert wait.task.done() == (wait.fate is not None), wait
            if wait.task.done():
                assert _end_of(wait.task) == wait.fate, wait
        self.waits = [wait for wait in self.waits if not wait.task.done()]
        assert self.tracker.waiting == len(self.waits)

    def finish(self) -> None:
        for message in range(MESSAGES):
            self.reply(message, True)
            self.status(message, "read")
            self.status(message, "of tomorrow")
        self.check()
        assert self.waits == []
        assert self.tracker._watches == {}

    def close(self) -> None:
        self.clocks.close()


def _verdict(wanted: str, statuses: list[str]) -> str | None:
    """Say what ends a wait, of statuses that are looked at together."""
    if wanted == "reply":
        return None
    if wanted == "last":
        last = {"delivered", "read", *FAILURES}
        return "ended" if any(status in last for status in statuses) else None
    enough = ENOUGH.get(wanted, {wanted})
    found = next((status for status in statuses if status in enough), None)
    return found or ("failed" if any(status in FAILURES for status in statuses) else None)


def _end_of(task: asyncio.Task[Any]) -> str:
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    if isinstance(error, NotDeliveredError):
        return "failed"
    if isinstance(error, WaitTimeoutError):
        return "late"
    assert error is None, error
    result = task.result()
    if hasattr(result, "content"):
        return str(result.content.text)
    return "ended" if "read" in repr(task.get_coro()) else str(result.status)


def _uuid(message: int) -> str:
    return f"aaaaaaaa-bbbb-4ccc-8ddd-00000000000{message}"


def _person(message: int) -> str:
    return f"44770090000{message}"


def _status(message: int, status: str) -> Any:
    return parse_status(
        {
            "message_uuid": _uuid(message),
            "to": _person(message),
            "from": "Acme",
            "timestamp": "2026-02-03T12:14:25Z",
            "status": status,
            "channel": "sms",
        }
    )


def _reply(message: int, text: str, *, quotes: bool) -> Any:
    context = {"context": {"message_uuid": _uuid(message)}} if quotes else {}
    return parse_inbound(
        {
            "channel": "sms",
            "message_type": "text",
            "message_uuid": f"bbbbbbbb-bbbb-4ccc-8ddd-{int(text.split()[1]):012d}",
            "to": "Acme",
            "from": _person(message),
            "timestamp": "2026-02-03T12:14:25Z",
            "text": text,
            **context,
        }
    )


MESSAGE = st.integers(0, MESSAGES - 1)
TIMEOUT = st.sampled_from([None, None, 1.0, 60.0, 0.0])
ACTIONS = st.one_of(
    *3 * [st.tuples(st.just("status"), MESSAGE, st.sampled_from(STATUSES))],
    *2 * [st.tuples(st.just("reply"), MESSAGE, st.booleans())],
    *3 * [st.tuples(st.just("wait_for"), MESSAGE, st.sampled_from([*ENOUGH, "of tomorrow"]), TIMEOUT)],
    st.tuples(st.just("wait_for_last"), MESSAGE, TIMEOUT),
    *2 * [st.tuples(st.just("wait_for_reply"), MESSAGE, TIMEOUT)],
    *2 * [st.tuples(st.just("cancel"), st.integers(0, 20))],
    st.tuples(st.just("time_passes"), st.sampled_from([0.5, 2.0, 61.0])),
    st.tuples(st.just("machine_sleeps"), st.sampled_from([0.5, 100.0])),
)


def test_every_wait_ends_with_what_ends_it(histories: Any) -> None:
    histories.play(
        TrackerHistory, st.fixed_dictionaries({"maximum": st.sampled_from([1, 1000])}), ACTIONS, examples=20, steps=40
    )
