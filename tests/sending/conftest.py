"""An event loop whose clock jumps to the next timer, and a platform that answers as a test has written it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest

from vonage_messages.channels.base import Message
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.errors import ConnectError, RateLimitedError, ResponseLostError
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.wire.rest import SentMessage

THREAD_AT_WORK = 60.0
"""How many real seconds a loop with nothing to do waits for a thread."""


class VirtualSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  an alias of the system's best one
    """Looks at sockets without waiting: time passes by jumping."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.threads: set[asyncio.Future[Any]] = set()

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready:
            return list(ready)
        if timeout is None or (timeout > 0 and self.threads):
            ready = super().select(THREAD_AT_WORK)
            assert ready, "nothing will ever happen on this loop"
            return list(ready)
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Minutes pass in milliseconds."""

    def __init__(self) -> None:
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    async def shutdown_default_executor(self, *_: Any) -> None:
        """Wait for threads without an end: that of Python 3.12 is five minutes, which pass at once here."""
        await super().shutdown_default_executor()

    def run_in_executor(self, executor: Any, func: Any, *arguments: Any) -> asyncio.Future[Any]:
        """Let no time pass while a thread is at work."""
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *arguments)
        self._virtual.threads.add(future)
        future.add_done_callback(self._virtual.threads.discard)
        return future


def run_virtually(main: Coroutine[Any, Any, Any]) -> None:
    """Run *main* on a virtual clock; it must leave no task behind, and no error that nobody hears of."""
    heard: list[dict[str, Any]] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: heard.append(context))
        await main
        for _ in range(3):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(watched())
    assert heard == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an outbox may be."""
    return tmp_path / "campaign.db"


@pytest.fixture
async def outbox(path: Path) -> AsyncIterator[Outbox]:
    """An outbox, which is open."""
    async with Outbox.open(path) as opened:
        yield opened


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Run the async tests of a module that says ``VIRTUAL_CLOCK = True`` on a loop whose clock jumps."""
    if not isinstance(collector, pytest.Module):
        return
    try:
        module = collector.obj
    except collector.CollectError:
        return  # reported when it is collected
    if not getattr(module, "VIRTUAL_CLOCK", False):
        return
    for name, test in list(vars(module).items()):
        if name.startswith("test_") and inspect.iscoroutinefunction(test):
            setattr(module, name, _virtual(test))


def _virtual(test: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., None]:
    @functools.wraps(test)
    def on_virtual_clock(*arguments: Any, **named: Any) -> None:
        run_virtually(test(*arguments, **named))

    return on_virtual_clock


@attrs.frozen
class Request:
    """A request that reached the platform, or tried to."""

    at: float
    message: Message


Answer = BaseException | SentMessage | None
Script = Callable[[Message, int], Answer]
"""Given the message and how many requests there were for it before, from 0: an error, or nothing for an acceptance."""


class Platform:
    """What a queue needs of a client; it answers as *script* says, after *latency* seconds."""

    def __init__(
        self,
        script: Script = lambda _message, _number: None,
        *,
        latency: float | Callable[[Message], float] = 0.05,
        limiter: Limiter | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.script = script
        self.latency = latency
        self.limiter = limiter
        self.retry = RetryPolicy() if retry is None else retry
        self.requests: list[Request] = []
        self.accepted: list[Message] = []
        self.under_way = 0
        self.most_under_way = 0
        self._numbers: dict[int, int] = {}

    async def attempt(self, message: Message, *, api_version: str | None = None) -> SentMessage:
        del api_version
        self.requests.append(Request(asyncio.get_running_loop().time(), message))
        number = self._numbers.get(id(message), 0)
        self._numbers[id(message)] = number + 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.latency(message) if callable(self.latency) else self.latency)
        finally:
            self.under_way -= 1
        answer = self.script(message, number)
        if isinstance(answer, BaseException):
            raise answer
        self.accepted.append(message)
        return answer or SentMessage(message_uuid=f"uuid-{len(self.accepted)}")

    @property
    def instants(self) -> list[float]:
        """When each request was begun, counted from the first."""
        first = self.requests[0].at if self.requests else 0.0
        return [round(request.at - first, 6) for request in self.requests]

    @property
    def texts(self) -> list[str]:
        """What each request wanted to send."""
        return [text_of(request.message) for request in self.requests]


def sms(number: int = 0, *, to: str | None = None, from_: str = "Acme", text: str | None = None) -> Sms:
    return Sms(to=to or str(447700900000 + number), from_=from_, text=text or str(number))


def whatsapp(number: int = 0, *, to: str = "447700900000", from_: str = "14155550100") -> WhatsappText:
    return WhatsappText(to=to, from_=from_, text=str(number))


def text_of(message: Message) -> str:
    return str(getattr(message, "text", ""))


def refused(retry_after: float | None = None) -> RateLimitedError:
    return RateLimitedError(retry_after=retry_after)


def first(count: int, error: Callable[[], BaseException]) -> Script:
    """Answer the first *count* requests for each message with an error."""
    return lambda _message, number: error() if number < count else None


def check_window(instants: Iterable[float], rate: Rate) -> None:
    """Check by counting that no window has more than the rate allows."""
    row = sorted(instants)
    for begin in range(len(row)):
        for end in range(begin, min(len(row), begin + 200)):
            span = row[end] - row[begin]
            assert end - begin + 1 <= rate.most_in(span) + 1e-6, (begin, end, span)


@attrs.frozen
class Tools:
    """What a test takes from here: conftest modules are not imported."""

    VirtualLoop: type[VirtualLoop] = VirtualLoop
    run_virtually: Callable[[Coroutine[Any, Any, Any]], None] = run_virtually
    Platform: type[Platform] = Platform
    sms: Callable[..., Sms] = sms
    whatsapp: Callable[..., WhatsappText] = whatsapp
    text_of: Callable[[Message], str] = text_of
    refused: Callable[..., RateLimitedError] = refused
    first: Callable[..., Script] = first
    check_window: Callable[[Iterable[float], Rate], None] = check_window

    @staticmethod
    def queue(platform: Platform, limits: Limits | Limiter | None = None, **options: Any) -> SendQueue:
        """Make a queue on a scripted platform; unlimited, if nothing else is said."""
        if limits is None and platform.limiter is None:
            limits = Limits.unlimited()
        return SendQueue(platform, limits=limits, **options)  # type: ignore[arg-type]  what a queue uses of a client

    @staticmethod
    def unreachable() -> ConnectError:
        return ConnectError("no connection")

    @staticmethod
    def lost() -> ResponseLostError:
        return ResponseLostError("lost")


@pytest.fixture(scope="session")
def tools() -> Tools:
    return Tools()


class Hesitation:
    """
    How long this process was kept from its work, at most: what came meanwhile seems to come all at once.

    It lies between two looks, however it does, and so is no longer than they are apart.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def end(self) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:  # ends: with the test, which cancels it
            before = loop.time()
            await asyncio.sleep(0.002)
            self.longest = max(self.longest, loop.time() - before)


@pytest.fixture
async def hesitation() -> AsyncIterator[Hesitation]:
    """Watch for how long this process is kept from its work, for tests that look at when something came."""
    watched = Hesitation()
    yield watched
    await watched.end()
