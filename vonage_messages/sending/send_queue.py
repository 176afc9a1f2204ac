"""
``SendQueue``: many messages at once, every limit kept, urgent ones first.

This is what a program sees of it. How it works stands in ``sending.engine``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from vonage_messages.limits.places import Priority
from vonage_messages.sending.engine import Engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
    from types import TracebackType

    from vonage_messages.channels.base import Message
    from vonage_messages.clients.client import Client
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.errors import VonageMessagesError
    from vonage_messages.guards import Guard
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.levels import Limits
    from vonage_messages.limits.store import LimitStore
    from vonage_messages.sending.outcome import Outcome, QueueStats, SendFuture
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.status import MessageStatus
    from vonage_messages.wire.payloads import ApiVersion


class SendQueue:
    """
    Sends many messages through one client, as fast as every limit allows.

    ::

        async with SendQueue(client) as queue:
            future = queue.submit(Sms(...), priority=Priority.HIGH)
            async for outcome in queue.map(newsletters): ...
            sent = await future

    *limits*: ``Limits``, or a ``Limiter`` that is shared with others. By default those of the client, or else what is
    published. *store*: where limits survive the process; limits that hold a ``Cap`` need one.
    *maxsize*: how many messages may wait. *connections*: how many requests may be under way at once.
    *max_wait*: how many seconds a message may wait for a place, where ``submit`` does not say otherwise.
    *before_send*: an async function that is called with the message when its turn has come under every limit and it
    has a connection, before the first byte is written. If it raises, the message is not sent, its places are given
    back, and that is its outcome. However long it takes, what leaves keeps the limits, and nothing leaves behind its
    ``expires_in``.
    *on_return*: called with message and error when a request did not get through and the message goes back to wait.
    *on_outcome*: called with the ``Outcome`` of every message; if it is async, its connection waits for it.
    *retry*: what is repeated, by default as the client does. Where the platform answers 429 the whole account slows
    down, and the message goes back to its place; that does not count as an attempt.
    *max_outage*: how many seconds messages wait for a platform that cannot be reached, before they fail with
    ``CircuitOpenError``.
    *api_version*: by default the client's.
    *guards*: asked before each request, beside those of the client: ``OptOuts``, ``BudgetGuard``, ``PumpingAlarm`` or
    your own ``Guard``. What one refuses is not sent: its error is the outcome, and no place under a limit is used up.

    Within one priority, messages from one sender to one recipient leave in the order in which they were given, one
    after the other. It belongs to the event loop on which it is first used.

    The three functions may use the queue, but not wait for it: a connection waits for them meanwhile. ``drain``,
    ``close``, ``cancel``, ``map`` and ``send_all`` raise a ``RuntimeError`` there, and ``put`` a ``QueueFullError``
    where it would have to wait. A task of one's own may do all of it: ``asyncio.create_task(queue.close())``.

    Raises:
        ConfigurationError: an option cannot work.
        ValueError: the client has limits, and *limits* are others.
    """

    def __init__(  # noqa: PLR0913  one client; what follows it are options, by name
        self,
        client: Client,
        *,
        limits: Limits | Limiter | None = None,
        store: LimitStore | None = None,
        maxsize: int = 1_000_000,
        connections: int = 64,
        max_wait: Seconds | None = None,
        before_send: Callable[[Message], Awaitable[object]] | None = None,
        on_return: Callable[[Message, VonageMessagesError], object] | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
        retry: RetryPolicy | None = None,
        max_outage: Seconds = 300.0,
        api_version: ApiVersion | None = None,
        guards: Iterable[Guard] = (),
    ) -> None:
        self._engine = Engine(
            client,
            limits=limits,
            store=store,
            maxsize=maxsize,
            connections=connections,
            max_wait=max_wait,
            before_send=before_send,
            on_return=on_return,
            on_outcome=on_outcome,
            retry=retry,
            max_outage=max_outage,
            api_version=api_version,
            guards=guards,
        )

    def __repr__(self) -> str:
        engine = self._engine
        return f"{type(self).__name__}(waiting={len(engine)}, sending={engine.sending}, closed={engine.closed})"

    def __len__(self) -> int:
        """Count the messages that wait."""
        return len(self._engine)

    def __bool__(self) -> bool:
        return True  # an empty queue is a queue: `if queue:` asks whether there is one

    async def __aenter__(self) -> Self:
        self._engine.bind()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            await self.cancel()
            return
        try:
            await self.close()
        except asyncio.CancelledError:  # whoever gives up waiting here has nothing left to cancel it with
            await self.cancel()
            raise

    @property
    def limiter(self) -> Limiter:
        """What keeps the limits; hand it to other queues and clients of the same account."""
        return self._engine.limiter

    def submit(
        self,
        message: Message,
        *,
        priority: Priority = Priority.NORMAL,
        expires_in: Seconds | None = None,
        max_wait: Seconds | None = None,
    ) -> SendFuture:
        """
        Put a message into the queue, and return at once; ``await`` the result for its ``SentMessage``.

        *expires_in*: after so many seconds it is not worth sending; *max_wait*: it shall not wait longer than that for
        a place under the limits. One that cannot leave in time fails at once.

        The future raises ``LimitTimeoutError``, ``DeadlineExceededError``, ``CircuitOpenError`` or
        ``StoreUnavailableError`` for a message that was not sent, ``QueueClosedError`` where the queue was cancelled
        before, and what ``Client.attempt`` raises.

        Raises:
            QueueFullError: *maxsize* messages wait already.
            QueueClosedError: the queue is closed.
            TypeError: that is no message.
            ConfigurationError: a span is no number of seconds above 0.
            RuntimeError: the queue belongs to another event loop.
        """
        return self._engine.submit(message, priority=priority, expires_in=expires_in, max_wait=max_wait)

    async def put(
        self,
        message: Message,
        *,
        priority: Priority = Priority.NORMAL,
        expires_in: Seconds | None = None,
        max_wait: Seconds | None = None,
    ) -> None:
        """
        Wait until the queue has room, and put a message into it. Its outcome goes to ``on_outcome`` and ``stats``.

        A failure that no ``on_outcome`` hears of is logged.

        Raises:
            QueueClosedError: the queue is closed, or was closed meanwhile. The message is not in it.
            QueueFullError: the queue is full, and one of its own functions cannot wait for room.
            TypeError, ConfigurationError, RuntimeError: as ``submit`` does.
        """
        await self._engine.put(message, priority=priority, expires_in=expires_in, max_wait=max_wait)

    def map(  # noqa: PLR0913  where from; what follows are options, by name
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        *,
        ordered: bool = False,
        priority: Priority = Priority.NORMAL,
        expires_in: Seconds | None = None,
        max_wait: Seconds | None = None,
        window: int = 4096,
    ) -> AsyncIterator[Outcome]:
        """
        Send what *messages* gives, and give an ``Outcome`` for each: as they come, or in their order with *ordered*.

        At most *window* messages are held at a time, outcomes that nobody has taken yet among them, so that a million
        need no more memory than a few thousand. An error of *messages* itself is raised after the outcomes of what it
        gave before. What is no message has an ``InvalidMessageError`` for its outcome. When the iteration is left
        early, what still waits is cancelled; requests under way run on, and ``on_outcome`` hears of them.

        Raises:
            QueueClosedError: the queue was closed; raised after the outcomes of what it had taken.
            ConfigurationError: an option cannot work.
            RuntimeError: one of the queue's own functions calls it, or it belongs to another event loop.
        """
        return self._engine.map(
            messages, ordered=ordered, priority=priority, expires_in=expires_in, max_wait=max_wait, window=window
        )

    async def send_all(
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        *,
        priority: Priority = Priority.NORMAL,
        expires_in: Seconds | None = None,
        max_wait: Seconds | None = None,
    ) -> list[Outcome]:
        """
        Send all *messages*, and give their outcomes in the same order. It holds them all: for many, use ``map``.

        Raises:
            QueueClosedError, ConfigurationError, RuntimeError: as ``map`` does.
        """
        outcomes = self.map(messages, ordered=True, priority=priority, expires_in=expires_in, max_wait=max_wait)
        return [outcome async for outcome in outcomes]

    def observe(self, status: MessageStatus) -> None:
        """
        Learn from a status webhook: one that says that something was too fast slows the sender, or the pair.

        Raises:
            TypeError: that is no status.
            RuntimeError: the queue, or its limiter, belongs to another event loop.

        Reference: Messages API v1, error codes 1241, 1460 and 1461; limits, section 4 (131056, 130429).
        """
        self._engine.observe(status)

    def stats(self) -> QueueStats:
        """Count what the queue holds, and what it has done."""
        return self._engine.stats()

    def pause(self) -> None:
        """Let nothing leave until ``resume``. Requests under way run on; ends of waits are kept."""
        self._engine.pause()

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._engine.resume()

    async def drain(self) -> None:
        """
        Wait until nothing waits and nothing is under way. The queue stays open; a paused one is not drained.

        Raises:
            QueueClosedError: somebody has cancelled the tasks of the queue, and what waited was not sent.
            RuntimeError: one of the queue's own functions calls it.
        """
        await self._engine.drain()

    async def close(self) -> None:
        """
        Take no more messages, wait until all have left, and end. A paused queue goes on for that.

        Cancelling this does not end the queue: call it again, or ``cancel``.

        Raises:
            StoreUnavailableError: all have left, and the limits cannot be kept.
            QueueClosedError, RuntimeError: as ``drain`` does.
        """
        await self._engine.close()

    async def cancel(self) -> int:
        """
        Take no more messages, cancel all that wait, wait for the requests under way, and end.

        Gives the number of those that were cancelled. Their futures raise ``QueueClosedError``, and not
        ``CancelledError``: whoever awaits one is not being cancelled.

        Raises:
            StoreUnavailableError: the limits cannot be kept.
            RuntimeError: one of the queue's own functions calls it.
        """
        return await self._engine.cancel()
