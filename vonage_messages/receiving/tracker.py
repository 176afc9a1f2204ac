"""
``Tracker``: wait for the delivery of a message, or for the reply to it.

It listens on a router and keeps, within stated bounds, what has arrived: a callback may well come before ``send`` has
returned. What counts as a reply, and when a failover chain has failed for good, is decided here; the order of the
statuses is that of ``vonage_messages.webhooks.timeline``.

Reference: Webhooks, sections 2 to 4; Messages API v1, section 11 (failover).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

import attrs

from vonage_messages.codes import describe
from vonage_messages.errors import ConfigurationError, NotDeliveredError, StoreUnavailableError, WaitTimeoutError
from vonage_messages.logs import LogEvent, about
from vonage_messages.receiving.memory import topic
from vonage_messages.receiving.watching import Key, Leg, Story, Watch
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.parse import parse_webhook
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.webhooks.timeline import FAILURES, rank

if TYPE_CHECKING:
    from collections.abc import Collection

    from vonage_messages.channels.base import Message
    from vonage_messages.receiving.memory import EventStore, Topic
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.routing import Router

logger = logging.getLogger("vonage_messages")


class Sent(Protocol):
    """What ``send`` gives: the receipt of a message."""

    @property
    def message_uuid(self) -> str:
        """The platform's id of the message."""

    @property
    def workflow_id(self) -> str | None:
        """The id of the failover chain, where there is one."""


class Tracker:
    """
    Waits for what becomes of messages.

    ::

        tracker = Tracker(router)
        sent = await client.send(message)
        status = await tracker.wait_for(sent, "delivered", timeout=60)
        reply = await tracker.wait_for_reply(sent, timeout=3600)

    It registers itself on *router* and hears of every event there, without keeping any from its other handlers; a
    service without a router calls ``observe``. It remembers the statuses of the last *maximum* messages (and of as
    many failover chains), at most 50 of each message, and the last *maximum_inbound* inbound messages. A status that
    is being waited for is never lost by that; a reply without ``context`` only where nothing is known yet of the
    message, no status and no *message*, and more than *maximum_inbound* others come in between. It belongs to one
    event loop. Where several processes receive callbacks, each hears of its own only, unless they share a *store*: an
    ``EventStore`` such as ``PostgresWebhookStore`` or ``RedisWebhookStore``, which is open. Then a wait ends wherever
    the callback lands, also where it began after that, and a callback that cannot be kept is asked for again.

    Raises:
        ConfigurationError: a bound is less than 1.
    """

    def __init__(
        self,
        router: Router | None = None,
        *,
        maximum: int = 10_000,
        maximum_inbound: int = 1_000,
        store: EventStore | None = None,
    ) -> None:
        if maximum < 1 or maximum_inbound < 1:
            raise ConfigurationError("maximum and maximum_inbound must be 1 or more.")
        self._maximum = maximum
        self._stories: dict[str, OrderedDict[Key, Story]] = {"message": OrderedDict(), "workflow": OrderedDict()}
        self._maximum_inbound = maximum_inbound
        self._inbound: OrderedDict[str | int, tuple[int, InboundMessage]] = OrderedDict()
        """By message uuid, or by their number where they have none."""
        self._watches: dict[Key, set[Watch]] = {}
        self._events = 0
        self._store = store
        self._topics: dict[Topic, Key] = {}
        """What is waited for, by how the store names it."""
        self._catching_up: set[asyncio.Task[None]] = set()
        if store is not None:
            store.listen(self._hear_of)
        if router is not None:
            router.event()(self.observe)

    def __repr__(self) -> str:
        return f"Tracker(messages={len(self._stories['message'])}, waiting={self.waiting})"

    @property
    def waiting(self) -> int:
        """How many waits there are."""
        return len({watch for watches in self._watches.values() for watch in watches})

    async def observe(self, event: InboundMessage | MessageStatus) -> None:
        """
        Take an event in. The router calls it; without a store it never fails and never waits.

        Raises:
            StoreUnavailableError: the event could not be kept for the other processes.
        """
        self._take(event)
        if self._store is not None:
            topics = {topic(*key) for key in _keys_of(event)}
            await self._store.add_event(topics, json.dumps(event.raw).encode())

    async def wait_for(
        self,
        sent: Sent | str,
        status: str = "delivered",
        *,
        timeout: Seconds | None = None,  # noqa: ASYNC109  a span in an error of ours
    ) -> MessageStatus:
        """
        Wait until a message has come as far as *status*, and give the status that says so.

        *sent* is what ``send`` gave, or a message uuid. Any status of the rank of *status* or above will do: a
        ``read`` answers ``delivered``. A status that the reference does not know is met by itself only. With a
        failover chain every message of it counts, and it has failed when its last message has. *timeout* is in
        seconds; ``None`` waits for as long as it takes, 0 asks for what is known in this process.

        Raises:
            NotDeliveredError: the message was rejected, or is undeliverable.
            WaitTimeoutError: it did not come in time.
            StoreUnavailableError: there is a store, and what it knows of the message cannot be read.
        """
        with self._watch(sent) as watch:
            known = _answer_in(watch, status)
            if known is not None:
                return known
            with self._looking(timeout, watch) as look:
                try:
                    async with _time_limit(timeout, f"message {watch.message_uuid} did not become {status}"):
                        while (known := _answer_in(watch, status)) is None:  # ends: with it, or with the time limit
                            if look.has_ended():  # not before: what the store has may correct a failure
                                _refuse_failed(watch)
                            await watch.next_change()
                        return known
                except WaitTimeoutError:
                    _refuse_failed(watch)  # it was heard here, while the store had not answered
                    raise

    async def wait_for_reply(
        self,
        sent: Sent | str,
        *,
        message: Message | None = None,
        timeout: Seconds | None = None,  # noqa: ASYNC109  a span in an error of ours
    ) -> InboundMessage:
        """
        Wait for the first inbound message that answers *sent*, and give it.

        Where an inbound message has a ``context`` (WhatsApp, Viber), it answers the message that it names, and no
        other. Without one, it answers what was sent before it between the same two numbers or ids on the same
        channel: most people do not quote, and SMS cannot. A reaction is no reply. Between whom *sent* went is known
        from its statuses; where there are none, give the *message* too, and what comes from then on counts. An
        inbound message may be the reply to several messages, if all of them are waited for.

        Raises:
            WaitTimeoutError: it did not come in time.
            StoreUnavailableError: there is a store, and what it knows of the message cannot be read.
        """
        with self._watch(sent) as watch:
            if message is not None:
                self._add_leg(watch, message)
            reply = watch.reply_among(self._inbound.values())
            if reply is not None:
                return reply
            with self._looking(timeout, watch) as look:
                async with _time_limit(timeout, f"message {watch.message_uuid} was not answered"):
                    while (reply := watch.reply_among(self._inbound.values())) is None:  # ends: as in wait_for
                        look.has_ended()
                        await watch.next_change()
                    return reply

    async def statuses(
        self,
        sent: Sent | str,
        *,
        timeout: Seconds | None = None,  # noqa: ASYNC109  a span in an error of ours
    ) -> AsyncIterator[MessageStatus]:
        """
        Give every status of a message as it arrives, each once, those that have arrived already first.

        It ends after the last one: ``read``, a failure (of a chain: that of its last message), and on SMS and MMS
        ``delivered``. Not every phone tells ``read``, so give a *timeout* for the whole, or break off.

        Raises:
            WaitTimeoutError: the last status did not come in time.
            StoreUnavailableError: there is a store, and what it knows of the message cannot be read.
        """
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        with self._watch(sent) as watch:
            ended = False
            while not ended:
                # Not around the yield: the caller's own time is none of ours to interrupt.
                remaining = None if deadline is None else deadline - asyncio.get_running_loop().time()
                try:
                    async with _time_limit(remaining, f"message {watch.message_uuid} had no last status"):
                        await self._recall_in(remaining, watch)
                        batch = await watch.next_statuses()
                except (WaitTimeoutError, StoreUnavailableError):
                    batch = watch.unread_statuses()  # what was heard here, while the store had not answered
                    if not batch:
                        raise
                for each in batch:
                    ended = ended or watch.is_last(each)
                    yield each

    def _take(self, event: InboundMessage | MessageStatus) -> None:
        self._events += 1
        if isinstance(event, MessageStatus):
            self._add_status(event)
        else:
            self._add_inbound(event)

    def _hear_of(self, topics: Collection[Topic]) -> None:
        """Look into the store, where somebody waits for what it tells of; with no topics, some may have been missed."""
        keys = [self._topics[each] for each in topics or tuple(self._topics) if each in self._topics]
        if keys:
            task = asyncio.get_running_loop().create_task(self._catch_up(keys))
            self._catching_up.add(task)
            task.add_done_callback(self._caught_up)

    def _caught_up(self, task: asyncio.Task[None]) -> None:
        self._catching_up.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Whoever waits hears of it by the next event, or when the store has been lost and found.
            logger.warning(
                "an event of another process could not be read: %s",
                task.exception(),
                extra=about(LogEvent.EVENTS_UNREADABLE),
            )

    async def _catch_up(self, keys: list[Key]) -> None:
        for watch in self._watches_of(keys):
            await self._recall(watch)

    async def _recall_in(self, span: Seconds | None, watch: Watch) -> None:
        """Take in what the store has about *watch*, unless there is no time for that: 0 asks for what is known here."""
        if span is None or span > 0:
            await self._recall(watch)

    @contextmanager
    def _looking(self, span: Seconds | None, watch: Watch) -> Iterator[_Look]:
        """Do so beside what is done in the block: what is heard here meanwhile need not wait for a slow store."""
        if self._store is None or (span is not None and span <= 0):
            yield _Look(None)
            return
        task = asyncio.get_running_loop().create_task(self._recall(watch))
        self._catching_up.add(task)
        task.add_done_callback(partial(self._looked, watch))
        try:
            yield _Look(task)
        finally:
            task.cancel()  # and not waited for: the store may be slow in that, too

    def _looked(self, watch: Watch, task: asyncio.Task[None]) -> None:
        self._catching_up.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: whoever waits hears of it by his look
        watch.wake()

    async def _recall(self, watch: Watch) -> None:
        """Take in what the store has about *watch*: also about what only that tells of, such as the two sides."""
        if self._store is None:
            return
        async with watch.reading:  # one after another: what is new to the second was not there before the wait
            asked: set[Key] = set()
            while keys := watch.keys - asked:  # ends: a message has few keys
                asked |= keys
                for body in await self._store.recall([topic(*key) for key in keys]):
                    if body in watch.recalled:
                        continue
                    event = parse_webhook(body)
                    self._events += 1
                    if isinstance(event, MessageStatus):
                        self._add_status(event)
                    else:
                        watch.recall(body, event, self._events)
            watch.was_read = True

    def _add_status(self, status: MessageStatus) -> None:
        keys = _keys_of(status)
        for watch in self._watches_of(keys):
            watch.add(status, self._events)
            for key in keys:
                self._follow(watch, key)
            for leg in watch.story.legs.values():
                self._follow(watch, leg.pair)
        for key in keys:
            self._story(key).add(status, self._events)

    def _add_inbound(self, inbound: InboundMessage) -> None:
        name = inbound.message_uuid or self._events
        if name in self._inbound:  # it comes again, because a handler has failed, and answers nothing sent since
            return
        self._inbound[name] = (self._events, inbound)
        if len(self._inbound) > self._maximum_inbound:
            self._inbound.popitem(last=False)
        for watch in self._watches_of(_keys_of(inbound)):
            watch.hear(inbound, self._events)

    def _add_leg(self, watch: Watch, message: Message) -> None:
        pair = ("pair", message.channel, message.to, getattr(message, "from_", ""))
        watch.story.legs.setdefault(watch.message_uuid, Leg(pair, None, self._events))
        self._follow(watch, pair)

    def _story(self, key: Key) -> Story:
        """Find or begin the story of *key*; the one that was heard of longest ago makes room."""
        stories = self._stories[key[0]]
        story = stories.setdefault(key, Story())
        stories.move_to_end(key)
        if len(stories) > self._maximum:
            stories.popitem(last=False)
        return story

    @contextmanager
    def _watch(self, sent: Sent | str) -> Iterator[Watch]:
        """Have everything about *sent* from its beginning, until the block ends."""
        watch = Watch(sent)
        try:
            for key in watch.first_keys():
                self._follow(watch, key)
            yield watch
        finally:
            self._forget(watch)

    def _follow(self, watch: Watch, key: Key) -> None:
        """Let *watch* hear of what concerns *key*, and of what did so far."""
        if key in watch.keys:
            return
        watch.keys.add(key)
        if self._store is not None:
            self._topics[topic(*key)] = key
        self._watches.setdefault(key, set()).add(watch)
        story = self._stories[key[0]].get(key) if key[0] in self._stories else None
        if story is None:
            return
        watch.story.legs |= {uuid: leg for uuid, leg in story.legs.items() if uuid not in watch.story.legs}
        for status in story.statuses.values():
            watch.add(status, self._events)
            if status.workflow is not None and status.workflow.workflow_id:
                self._follow(watch, ("workflow", status.workflow.workflow_id))
        for leg in story.legs.values():
            self._follow(watch, leg.pair)

    def _forget(self, watch: Watch) -> None:
        while watch.keys:  # ends: each pass takes one out
            key = watch.keys.pop()
            self._watches[key].discard(watch)
            if not self._watches[key]:
                del self._watches[key]
                if self._store is not None:
                    del self._topics[topic(*key)]

    def _watches_of(self, keys: list[Key]) -> list[Watch]:
        return list({watch: None for key in keys for watch in self._watches.get(key, ())})


@attrs.frozen
class _Look:
    """A look into the store; ``None``: there is nothing to look at."""

    _task: asyncio.Task[None] | None

    def has_ended(self) -> bool:
        """
        Tell whether all is known that the store has.

        Raises:
            StoreUnavailableError: it cannot be read.
        """
        if self._task is None:
            return True
        if self._task.done():
            self._task.result()
        return self._task.done()


@asynccontextmanager
async def _time_limit(span: Seconds | None, what: str) -> AsyncIterator[None]:
    """
    Bound a wait.

    Raises:
        WaitTimeoutError: *span* seconds have passed.
    """
    try:
        async with asyncio.timeout(span) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise WaitTimeoutError(f"{what} in time. It may still come.") from None


def _keys_of(event: InboundMessage | MessageStatus) -> list[Key]:
    """Say what an event is about."""
    if isinstance(event, InboundMessage):
        keys: list[Key] = [("pair", event.channel, event.from_, event.to)]
        if event.context is not None and event.context.message_uuid:
            keys.append(("message", event.context.message_uuid))
        return keys
    keys = [("message", event.message_uuid)]
    if event.workflow is not None and event.workflow.workflow_id:
        keys.append(("workflow", event.workflow.workflow_id))
    return keys


def _answers(status: str, wanted: str) -> bool:
    """Tell whether *status* is as good as *wanted*; a failure answers only those who wait for one."""
    if status == wanted:
        return True
    if status in FAILURES and wanted not in FAILURES:
        return False
    return 0 < rank(wanted) <= rank(status)


def _answer_in(watch: Watch, wanted: str) -> MessageStatus | None:
    """Find the status that is waited for in what was heard."""
    return next((each for each in watch.story.statuses.values() if _answers(each.status, wanted)), None)


def _refuse_failed(watch: Watch) -> None:
    """
    Wait no more for what will not arrive.

    Raises:
        NotDeliveredError: its failure was heard of.
    """
    failure = next((each for each in watch.story.statuses.values() if watch.is_failure(each)), None)
    if failure is not None:
        raise _not_delivered(failure)


def _not_delivered(status: MessageStatus) -> NotDeliveredError:
    code = None if status.error is None else status.error.code
    known = None if code is None else describe(code)
    return NotDeliveredError(
        status.message_uuid,
        status.status,
        code,
        "" if known is None else known.meaning,
        "" if known is None else known.advice,
    )
