"""
``Failover``: one message after another, each on its own channel, until one of them has arrived.

The platform's own failover (``Client.send(…, failover=…)``) goes on when a message is rejected. A policy also goes on
when a message was refused at once, or has not arrived in time, and it ends when an earlier one arrives late.

The rule behind every decision here: nobody's phone rings twice because something was not known. A message whose fate
is open, because its answer was lost, is never followed by another one unless the policy says so.

Reference: Messages API v1, sections 11 (failover), 13 (revoking) and 14 (errors); Webhooks, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Message
from vonage_messages.errors import ConfigurationError, InvalidMessageError, Problem, VonageMessagesError
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover_run import FailoverRun, PassOn, Revoke, RunningLeg
from vonage_messages.sending.references import Reference
from vonage_messages.values import Seconds
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.wire.rest import SentMessage

if TYPE_CHECKING:
    from vonage_messages.webhooks.inbound import InboundMessage
    from vonage_messages.webhooks.routing import Router

_GOALS: Final = ("submitted", "delivered", "read")
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
        self._references: dict[str, set[Reference]] = {}
        super().__init__(router, maximum=maximum, maximum_inbound=maximum_inbound)

    async def observe(self, event: InboundMessage | MessageStatus) -> None:
        """Take an event in. The router calls it; it never fails and never waits."""
        await super().observe(event)
        if isinstance(event, MessageStatus) and event.client_ref is not None:
            for reference in self._references.get(event.client_ref, ()):
                reference.hear(event)

    @contextmanager
    def listening(self, message: Message) -> Iterator[Reference | None]:
        """Hear of *message* by its ``client_ref``, until the block ends; ``None`` where it has none."""
        name = message.client_ref
        if name is None:
            yield None
            return
        reference = Reference(message)
        self._references.setdefault(name, set()).add(reference)
        try:
            yield reference
        finally:
            self._references[name].discard(reference)
            if not self._references[name]:
                del self._references[name]


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
        ends a chain before its end (a fate that is open, 401, 402, 403, 429, no connection, a queue that is full or
        cancelled) is raised as long as no other message has gone out. After that it is the ``error`` of a result:
        whoever caught it might send the chain again, and with it a message that is on its way.

        A cancelled call takes back what still waits in a queue and leaves no task behind; what the platform has
        accepted by then stays sent.

        Raises:
            ConfigurationError: an option cannot work; nothing was sent.
            APIError, TransportError, UnexpectedResponseError, QueueError: see above.
        """
        _check(self, sender, options)
        if not isinstance(tracker, Tracker):
            raise ConfigurationError(f"a Tracker is needed that hears the statuses, not {type(tracker).__name__}.")
        revoke: Revoke | None = sender.revoke if self.revoke else None  # type: ignore[union-attr]  # _check has seen it
        listen = tracker.listening if isinstance(tracker, ReferenceTracker) else None
        run = FailoverRun(self, tracker, _passing_on(sender, options), revoke=revoke, listen=listen)
        try:
            return _result(run, await run.execute())
        finally:
            await run.end()


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


def _passing_on(sender: Sender | Submitter, options: Mapping[str, object]) -> PassOn:
    """Send the messages of a chain by *sender*, or let them wait in it."""
    if not isinstance(sender, Submitter):
        return lambda leg: sender.send(leg.message, **options)

    def submit(leg: RunningLeg) -> Submission:
        leg.submission = sender.submit(leg.message, **options)
        return leg.submission

    return submit


def _result(run: FailoverRun, error: VonageMessagesError | None) -> FailoverResult:
    """Gather what is known."""
    legs = tuple(
        FailoverLeg(message=leg.message, sent=leg.sent, status=leg.status, error=leg.error, revoked=leg.revoked)
        for leg in run.legs
    )
    winner = run.winner()
    if winner is None:
        return FailoverResult(legs=legs, error=error)
    return FailoverResult(message=winner.message, sent=winner.sent, status=winner.status, legs=legs)
