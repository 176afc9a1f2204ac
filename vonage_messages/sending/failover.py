"""
``Failover``: one message after another, each on its own channel, until one of them has arrived.

The platform's own failover (``Client.send(…, failover=…)``) goes on when a message is rejected. A policy also goes on
when a message was refused at once, or has not arrived in time, and it ends when an earlier one arrives late.

The rule behind every decision here: nobody's phone rings twice because something was not known. A message whose fate
is open, because its answer was lost, is never followed by another one unless the policy says so.

Reference: Messages API v1, sections 11 (failover), 13 (revoking) and 14 (errors); Webhooks, section 3.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Message
from vonage_messages.errors import (
    APIError,
    ConfigurationError,
    InvalidMessageError,
    NotDeliveredError,
    Problem,
    ResponseLostError,
    VonageMessagesError,
    WaitTimeoutError,
)
from vonage_messages.logs import LogEvent, about
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.values import Seconds
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.wire.rest import SentMessage

if TYPE_CHECKING:
    from vonage_messages.webhooks.inbound import InboundMessage
    from vonage_messages.webhooks.routing import Router

_LOGGER = logging.getLogger(__name__)

_CONCERNS_THE_MESSAGE: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""
Refusals of this one message (section 14; 400 is what v0.1 says). Any other one, such as 401, 402, 403 or 429, is
about the account or the pace, and would meet the next message too.
"""

_LOOK_AGAIN: Final[Seconds] = 0.1
"""
How often a message that is being sent, and is no longer wanted, is looked at: refused for its pace (429), it goes back
into its queue and can be taken back there, and the queue tells nobody.
"""

_GOALS: Final = ("submitted", "delivered", "read")
_NEVER_READ: Final = frozenset({"sms", "mms"})
"""Channels that never tell ``read`` (Webhooks, section 3): there ``delivered`` is as far as it goes."""

_NOT_FOR_A_POLICY: Final = frozenset({"dry_run", "failover"})

OnUnknown: TypeAlias = Literal["stop", "continue"]
"""What happens after a message whose fate is open: nothing more is sent, or the next one."""


class Submission(Protocol):
    """What ``submit`` of a queue gives: awaited, it is the receipt of the message."""

    @property
    def state(self) -> str:
        """``queued``, ``sending`` or ``done``."""

    @property
    def maybe_sent(self) -> bool:
        """Whether the message may be on its way, after an attempt that left that open too."""

    def cancel(self) -> bool:
        """End the wait; a message that is still queued does not go out."""

    def __await__(self) -> Generator[Any, Any, SentMessage]: ...


class Sender(Protocol):
    """A ``Client``, or anything else that sends one message and waits for the receipt."""

    @property
    def send(self) -> Callable[..., Awaitable[SentMessage]]:
        """Called with a message and options, and awaited."""


@runtime_checkable
class Submitter(Protocol):
    """A ``SendQueue``, or anything else that takes a message and sends it in its turn."""

    @property
    def submit(self) -> Callable[..., Submission]:
        """Called with a message and options; it returns at once."""


class ReferenceTracker(Tracker):
    """
    A ``Tracker`` that also finds a message by its ``client_ref``, where the answer to its sending was lost.

    Give ``Failover.send`` one of these and every message a ``client_ref`` of its own: a status then tells whether a
    message of unknown fate went out after all. Nothing is kept beyond the sends that are under way.
    """

    def __init__(self, router: Router | None = None, *, maximum: int = 10_000, maximum_inbound: int = 1_000) -> None:
        self._references: dict[str, set[_Reference]] = {}
        super().__init__(router, maximum=maximum, maximum_inbound=maximum_inbound)

    async def observe(self, event: InboundMessage | MessageStatus) -> None:
        """Take an event in. The router calls it; it never fails and never waits."""
        await super().observe(event)
        if isinstance(event, MessageStatus) and event.client_ref is not None:
            for reference in self._references.get(event.client_ref, ()):
                reference.hear(event)

    @contextmanager
    def listening(self, message: Message) -> Iterator[_Reference | None]:
        """Hear of *message* by its ``client_ref``, until the block ends; ``None`` where it has none."""
        name = message.client_ref
        if name is None:
            yield None
            return
        reference = _Reference(message)
        self._references.setdefault(name, set()).add(reference)
        try:
            yield reference
        finally:
            self._references[name].discard(reference)
            if not self._references[name]:
                del self._references[name]


class _Reference:
    """The ids of what has been heard of under one ``client_ref``, to one person on one channel."""

    def __init__(self, message: Message) -> None:
        self._route = (message.channel, message.to)
        self._uuids: dict[str, None] = {}
        self._changed = asyncio.Event()

    def hear(self, status: MessageStatus) -> None:
        """Take in a status that carries the ``client_ref``."""
        if (status.channel, status.to) == self._route and status.message_uuid:
            self._uuids[status.message_uuid] = None
            self._changed.set()

    async def next_uuid(self, is_known: Callable[[str], bool]) -> str:
        """Wait for the id of a message that *is_known* does not know: several may share a ``client_ref``."""
        while True:  # ends: with an id, or when the chain does
            for uuid in self._uuids:
                if not is_known(uuid):
                    return uuid
            self._changed.clear()
            await self._changed.wait()


@attrs.frozen(kw_only=True)
class FailoverLeg:
    """
    One message of a chain that was tried, and what became of it.

    Without a ``status`` and without an ``error`` it was accepted, and nothing is known of its arrival: it may still
    arrive.
    """

    message: Message = attrs.field(repr=False)
    sent: SentMessage | None = None
    """The receipt. Where the answer was lost and a status told of the message, it has its two ids only."""

    status: MessageStatus | None = None
    """The status that says that it arrived."""

    error: VonageMessagesError | None = None
    """Why it did not: the refusal, a ``NotDeliveredError``, or an error that leaves it open (``maybe_sent``)."""

    revoked: bool = False
    """The platform took the order to take it back. That is no proof: it may have been delivered just before."""


@attrs.frozen(kw_only=True)
class FailoverResult:
    """
    How a chain ended. ``message``, ``sent`` and ``status`` are those of the message that arrived.

    Where several have arrived, the earliest in the chain counts; ``legs`` shows every one that was tried, in order.
    """

    message: Message | None = attrs.field(default=None, repr=False)
    sent: SentMessage | None = None
    status: MessageStatus | None = None
    legs: tuple[FailoverLeg, ...] = ()
    error: VonageMessagesError | None = None
    """What broke the chain off before its end; ``None`` where a message arrived, or every one was tried."""

    @property
    def delivered(self) -> bool:
        """A message has come as far as the policy asks."""
        return self.status is not None


def _finite(_policy: object, _field: object, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"Failover after must be more than 0 and finite (seconds), not {value!r}.")


def _one_of(*words: str) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(_policy: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in words:
            raise ConfigurationError(f"Failover {field.name} must be one of {', '.join(words)}, not {value!r}.")

    return check


def _to_messages(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Turn what is given into a tuple. Never raises: what is no list is refused by the rule."""
    return rules.as_tuple(messages)  # type: ignore[return-value]  # see above


def _chain(_policy: object, _field: object, messages: object) -> None:
    problems = list(_problems(messages))
    if problems:
        raise InvalidMessageError(problems, "Failover")


def _problems(messages: object) -> Iterator[Problem]:
    if not isinstance(messages, tuple):
        yield Problem("messages", f"must be a list of messages, not {type(messages).__name__}")
        return
    if not messages:
        yield Problem("messages", "must hold one message at least")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, Message):
            yield Problem(where, f"must be a message, not {type(message).__name__}")
        elif message.failover is not None:
            # The platform would go on with its own chain beside this one, and send what nobody can stop.
            yield Problem(f"{where}.failover", "must not be set: put these messages into the policy instead")
        elif message in messages[:index]:
            yield Problem(where, f"must not be messages[{messages.index(message)}] once more")


@attrs.frozen
class Failover:
    """
    A policy: which message is sent first, which instead, and when.

    ::

        policy = Failover([whatsapp_message, rcs_message, sms_message], after=60)
        result = await policy.send(client, tracker)
        if result.delivered:
            print(result.message.channel, result.sent.message_uuid)

    The next message goes out when the one before it was refused at once (400, 413, 422, or by this package), when
    its status says ``rejected`` or ``undeliverable``, whatever the code, or when it did not come as far as *until*
    (``submitted``, ``delivered``, ``read``) within *after* seconds of being accepted. SMS and MMS never tell
    ``read``: there ``delivered`` is enough. When an earlier message arrives late the chain ends with it. That is
    looked at once more right before each send; a message that still waits in a queue is taken back, one that is
    being sent is waited for and named in the result too.

    After an error that leaves open whether a message went out (``maybe_sent``), *on_unknown* decides: ``stop``
    sends nothing more, ``continue`` takes the risk of a second message. Before either, a ``ReferenceTracker`` waits
    for word of the message for *after* seconds, if it has a ``client_ref``.

    With *revoke*, an RCS message that has not arrived is taken back when the next one is accepted, or when another
    one has arrived. That needs a sender with ``revoke``, such as a ``Client`` with ``ApplicationAuth``.

    A policy is a value and holds no state: it may be sent as often as you like, also at the same time.

    Raises:
        InvalidMessageError: there is no message, or one twice, or one has a ``failover`` of its own.
        ConfigurationError: another option cannot work.
    """

    messages: tuple[Message, ...] = attrs.field(converter=_to_messages, validator=_chain, repr=False)
    after: Seconds = attrs.field(default=60.0, kw_only=True, validator=_finite)
    until: str = attrs.field(default="delivered", kw_only=True, validator=_one_of(*_GOALS))
    on_unknown: OnUnknown = attrs.field(default="stop", kw_only=True, validator=_one_of("stop", "continue"))
    revoke: bool = attrs.field(default=False, kw_only=True)

    async def send(self, sender: Sender | Submitter, tracker: Tracker, **options: object) -> FailoverResult:
        """
        Send the chain, and wait until a message of it has arrived or there is none left.

        *sender* is a ``Client`` or a ``SendQueue``; *options* go with every message, to ``submit`` where the sender
        has one (``priority=``, ``expires_in=``, ``max_wait=``), otherwise to ``send`` (``api_version=``). *tracker*
        must hear the statuses of what *sender* sends.

        A chain in which nothing arrived is a result too: ``delivered`` is false, and ``legs`` has every error. What
        ends a chain before its end (a fate that is open, 401, 402, 403, 429, no connection, a queue that is full) is
        raised as long as no other message has gone out. After that it is the ``error`` of a result: whoever caught
        it might send the chain again, and with it a message that is on its way.

        A cancelled call takes back what still waits in a queue and leaves no task behind; what the platform has
        accepted by then stays sent.

        Raises:
            ConfigurationError: an option cannot work; nothing was sent.
            APIError, TransportError, UnexpectedResponseError, QueueError: see above.
        """
        _check(self, sender, options)
        if not isinstance(tracker, Tracker):
            raise ConfigurationError(f"a Tracker is needed that hears the statuses, not {type(tracker).__name__}.")
        chain = _Chain(self, sender, tracker, options)
        try:
            return await chain.run()
        finally:
            await chain.end()


def _check(policy: Failover, sender: object, options: Mapping[str, object]) -> None:
    """
    Refuse what cannot be sent.

    Raises:
        ConfigurationError: in one sentence.
    """
    if isinstance(sender, type) or not any(callable(getattr(sender, name, None)) for name in ("submit", "send")):
        what = f"the class {sender.__name__}" if isinstance(sender, type) else type(sender).__name__
        raise ConfigurationError(f"a Failover is sent by a Client or a SendQueue, not by {what}.")
    refused = sorted(_NOT_FOR_A_POLICY & options.keys())
    if refused:
        raise ConfigurationError(f"{' and '.join(refused)} cannot be given to a Failover: it sends, one by one.")
    if policy.revoke and not callable(getattr(sender, "revoke", None)):
        raise ConfigurationError(
            f"Failover(revoke=True) needs a sender that can revoke, such as a Client; {type(sender).__name__} cannot."
        )


@attrs.define(eq=False)
class _Leg:
    """A message of the chain while it is under way."""

    message: Message
    goal: str
    sent: SentMessage | None = None
    status: MessageStatus | None = None
    error: VonageMessagesError | None = None
    revoked: bool = False
    submission: Submission | None = None
    watch: asyncio.Task[None] | None = None

    @property
    def may_be_out(self) -> bool:
        """The platform has it, or may have it."""
        return self.sent is not None or (self.error is not None and self.error.maybe_sent)

    @property
    def is_open(self) -> bool:
        """It was accepted, and may still arrive."""
        return self.sent is not None and self.status is None and self.error is None

    def withdraw(self) -> None:
        """Take it back if it still waits its turn."""
        if self.submission is not None and self.submission.state == "queued":
            self.submission.cancel()

    def finished(self) -> FailoverLeg:
        """Give what is known of it."""
        return FailoverLeg(
            message=self.message, sent=self.sent, status=self.status, error=self.error, revoked=self.revoked
        )


class _Chain:
    """One run of a policy. Every task that it starts is in ``_tasks``, and ended by ``end``."""

    def __init__(
        self, policy: Failover, sender: Sender | Submitter, tracker: Tracker, options: Mapping[str, object]
    ) -> None:
        self._policy = policy
        self._sender = sender
        self._tracker = tracker
        self._options = options
        self._legs: list[_Leg] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._references = ExitStack()

    async def run(self) -> FailoverResult:
        """Try one message after another."""
        for message in self._policy.messages:
            if await self._has_arrived():
                break
            leg = _Leg(message, _goal(message, self._policy.until))
            self._legs.append(leg)
            await self._try(leg)
            if self._is_the_end(leg):
                return await self._broken_off(leg)
        return await self._result()

    async def end(self) -> None:
        """End every task, and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            self._references.close()

    async def _try(self, leg: _Leg) -> None:
        """Send a message, and wait until it has arrived, or failed, or had its time."""
        reference = self._reference(leg)
        await self._send(leg)
        deadline = asyncio.get_running_loop().time() + self._policy.after
        if leg.sent is not None:
            leg.watch = self._start(self._follow(leg, leg.sent))
            await self._revoke_others(leg)
        elif reference is not None and leg.may_be_out:
            leg.watch = self._start(self._find(leg, reference))
        while self._winner() is None and leg.watch is not None and not leg.watch.done():
            # Ends: each round sees the end of a watch, or that of the time.
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                return
            await self._next_change(self._watches(), remaining)

    async def _send(self, leg: _Leg) -> None:
        """Send a message; when an earlier one arrives meanwhile, take it back, or wait for what becomes of it."""
        task = self._start(self._hand_over(leg))
        while not task.done() and self._winner() is None:  # ends: each round sees the end of a watch
            await self._next_change({task, *self._watches()}, None)
        while not task.done():  # ends: with the answer
            leg.withdraw()
            await self._next_change({task}, _LOOK_AGAIN)
        if task.cancelled() and self._winner() is not None:
            self._withdrawn(leg)
        elif task.cancelled():
            raise asyncio.CancelledError  # by its sender: as for whoever awaits it

    def _withdrawn(self, leg: _Leg) -> None:
        if leg.submission is None or not leg.submission.maybe_sent:
            self._legs.remove(leg)  # it was not sent
            return
        # It waited for another attempt. There will be none, and nothing more is learnt of the one before.
        leg.error = ResponseLostError("the message was taken back after an attempt that may have been accepted")

    async def _hand_over(self, leg: _Leg) -> None:
        try:
            if isinstance(self._sender, Submitter):
                leg.submission = self._sender.submit(leg.message, **self._options)
                leg.sent = await leg.submission
            else:
                leg.sent = await self._sender.send(leg.message, **self._options)
        except VonageMessagesError as error:
            leg.error = error
        except asyncio.CancelledError:
            if leg.submission is not None:
                leg.submission.cancel()
            raise

    async def _find(self, leg: _Leg, reference: _Reference) -> None:
        """Find a message whose answer was lost, and learn what becomes of it."""
        uuid = await reference.next_uuid(self._is_known)
        leg.sent, leg.error = SentMessage(message_uuid=uuid, client_ref=leg.message.client_ref), None
        await self._follow(leg, leg.sent)

    async def _follow(self, leg: _Leg, sent: SentMessage) -> None:
        """Learn what becomes of a message."""
        try:
            leg.status = await self._tracker.wait_for(sent, leg.goal)
        except NotDeliveredError as error:
            leg.error = error

    async def _has_arrived(self) -> bool:
        """Look once more at everything that was sent: also at what has failed, which a later status may correct."""
        for leg in self._legs:
            if leg.sent is None or leg.status is not None:
                continue
            try:
                leg.status = await self._tracker.wait_for(leg.sent, leg.goal, timeout=0)
            except (NotDeliveredError, WaitTimeoutError):
                continue
            leg.error = None
        return self._winner() is not None

    def _is_the_end(self, leg: _Leg) -> bool:
        """Tell whether nothing may be sent after *leg*."""
        if leg.error is None or leg.sent is not None:
            return False
        if leg.error.maybe_sent:
            return self._policy.on_unknown == "stop"
        return not _concerns_the_message(leg.error)

    async def _broken_off(self, leg: _Leg) -> FailoverResult:
        error = leg.error
        if not await self._has_arrived() and error is not None and not self._others_may_be_out(leg):
            raise error
        return await self._result(error)

    async def _result(self, error: VonageMessagesError | None = None) -> FailoverResult:
        """Look a last time, and gather what is known."""
        await self._has_arrived()
        winner = self._winner()
        if winner is None:
            return FailoverResult(legs=tuple(each.finished() for each in self._legs), error=error)
        await self._revoke_others(winner)
        return FailoverResult(
            message=winner.message,
            sent=winner.sent,
            status=winner.status,
            legs=tuple(each.finished() for each in self._legs),
        )

    async def _revoke_others(self, leg: _Leg) -> None:
        """Take back the RCS messages that *leg* has taken the place of."""
        if not self._policy.revoke:
            return
        for other in self._legs:
            if other is not leg and other.message.channel == "rcs" and other.is_open and not other.revoked:
                other.revoked = await self._revoke(other)

    async def _revoke(self, leg: _Leg) -> bool:
        """Take a message back; tell whether the platform took the order. It refuses what is delivered by now."""
        revoke: Callable[[str], Awaitable[object]] = self._sender.revoke  # type: ignore[union-attr]  # _check has seen it
        uuid = leg.sent.message_uuid if leg.sent is not None else ""
        try:
            await revoke(uuid)
        except VonageMessagesError as error:
            _LOGGER.warning(
                "message %s could not be revoked: %s",
                uuid,
                type(error).__name__,
                extra=about(LogEvent.REVOKE_FAILED, leg.message, leg.sent, error),
            )
            return False
        return True

    def _reference(self, leg: _Leg) -> _Reference | None:
        """Listen from before the send: the status may be faster than the error that the answer was lost."""
        if not isinstance(self._tracker, ReferenceTracker):
            return None
        return self._references.enter_context(self._tracker.listening(leg.message))

    def _is_known(self, uuid: str) -> bool:
        return any(leg.sent is not None and leg.sent.message_uuid == uuid for leg in self._legs)

    def _others_may_be_out(self, leg: _Leg) -> bool:
        return any(other.may_be_out for other in self._legs if other is not leg)

    def _winner(self) -> _Leg | None:
        return next((leg for leg in self._legs if leg.status is not None), None)

    def _watches(self) -> set[asyncio.Task[None]]:
        return {leg.watch for leg in self._legs if leg.watch is not None and not leg.watch.done()}

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task

    async def _next_change(self, tasks: set[asyncio.Task[None]], span: Seconds | None) -> None:
        """Wait for the end of one of *tasks*, at most *span* seconds; what must not happen there is raised here."""
        done, _ = await asyncio.wait(tasks, timeout=span, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                task.result()


def _goal(message: Message, until: str) -> str:
    """Say how far a message must come: no further than its channel tells."""
    return "delivered" if until == "read" and message.channel in _NEVER_READ else until


def _concerns_the_message(error: VonageMessagesError) -> bool:
    """Tell whether another message may fare better than the one that met *error*."""
    if isinstance(error, APIError):
        return error.status in _CONCERNS_THE_MESSAGE
    return isinstance(error, InvalidMessageError)
