"""What became of a message that a queue was given, and what a queue has done so far."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.errors import (
    WHAT_HOLDS,
    DeadlineExceededError,
    LimitTimeoutError,
    QueueClosedError,
    VonageMessagesError,
)
from vonage_messages.limits.circuit import CircuitState
from vonage_messages.limits.learning import Pause
from vonage_messages.limits.places import Place, Priority
from vonage_messages.logs import LogEvent, about
from vonage_messages.values import Seconds, masked
from vonage_messages.wire.rest import SentMessage

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("vonage_messages")


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What became of one message: ``sent`` where the platform accepted it, ``error`` where not.

    Both are ``None`` where it was cancelled before it left. An error that says ``maybe_sent`` leaves open whether the
    message is on its way.
    """

    message: Message
    sent: SentMessage | None = None
    error: BaseException | None = None
    attempts: int = 0
    """How many requests were made."""

    waited: Seconds = 0.0
    """
    How long it waited until its last request was begun, or until it was given up; exact to 10 ms.

    0 for a message that was cancelled by whoever gave it while it waited for the limits of the account alone: of those
    a queue remembers no more than their order.
    """

    @property
    def maybe_sent(self) -> bool:
        """Tell whether the message may be on its way: it was accepted, or that is not known."""
        return self.sent is not None or bool(getattr(self.error, "maybe_sent", False))


@attrs.frozen(kw_only=True)
class QueueStats:
    """What a queue holds now, and what it has done since it was made."""

    waiting: Mapping[Priority, int]
    """How many wait, by priority."""

    sending: int
    """How many requests are under way."""

    accepted: int
    """How many the platform has accepted."""

    failed: int
    """How many ended with an error, those given up while they waited among them."""

    cancelled: int
    in_doubt: int
    """How many of the failed may be on their way all the same."""

    attempts: int
    """How many requests were made."""

    refused: int
    """How many of them were answered with 429."""

    per_second: float
    """How many requests were made lately, each second."""

    slowed: tuple[str, ...]
    """The limits that are slower than they should be, because the platform asked for it; masked."""

    pauses: tuple[Pause, ...]
    """The limits that are closed for a while, because the platform asked for it: which, until when, and why."""

    circuit: CircuitState
    """``open`` and ``probing`` while the platform cannot be reached."""

    paused: bool
    """Whether ``pause`` was called."""


class SendFuture(asyncio.Future[SentMessage]):
    """
    What ``SendQueue.submit`` returns: ``await`` it for the ``SentMessage``.

    ``cancel`` ends the wait of whoever awaits it at once. While the message is queued that also takes it out of the
    queue; while it is being sent the request runs on, and its outcome goes to ``on_outcome`` and ``stats``. It raises
    ``CancelledError`` then, and never otherwise: where the *queue* was cancelled, it raises ``QueueClosedError``.
    """

    __slots__ = ("_forget", "_place", "_under_way", "message")

    def __init__(self, message: Message, forget: Callable[[SendFuture], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.message: Message = message
        self._forget = forget
        self._place: Place | None = None
        self._under_way: bool | None = False
        """Whether a request is under way; ``None`` behind one that left open what became of the message."""

    @property
    def state(self) -> Literal["queued", "sending", "done"]:
        """Where the message is: ``sending`` from the moment on that its turn has come; ``done`` when nobody waits."""
        if self.done():
            return "done"
        return "sending" if self._under_way else "queued"

    @property
    def maybe_sent(self) -> bool:
        """
        Tell whether the message may be on its way.

        True from the moment its request is begun, also when the future was cancelled then; false again when an answer
        says that it was not accepted.
        """
        return self._under_way is not False

    def cancel(self, msg: Any = None) -> bool:
        """End the wait. True unless the outcome is known already."""
        if not super().cancel(msg):
            return False
        self._forget(self)  # behind it: a listener that hears of it may cancel this one again
        return True

    def __del__(self) -> None:
        # asyncio would log the repr of the error's future, with the message in it.
        if not self._log_traceback:
            return
        self._log_traceback = False
        error = self._exception
        logger.warning(
            "%s to %s was not sent, and nobody has looked: %s",
            self.message.channel,
            masked(self.message.to),
            error if isinstance(error, VonageMessagesError) else type(error).__name__,
            extra=about(LogEvent.SEND_FAILED, self.message, error),
        )


def resolve(future: SendFuture, outcome: Outcome, *, quiet: bool = False) -> None:
    """
    Tell the future of a message what became of it; a *quiet* one does not complain if nobody looks.

    Who ends a queue knows that what waited was not sent: of that nobody need be told once more.
    """
    unknown = bool(getattr(outcome.error, "maybe_sent", False))
    future._under_way = None if unknown or outcome.sent is not None else False  # noqa: SLF001  it is of this module
    future._place = None  # noqa: SLF001  see above
    if future.done():
        return
    if outcome.sent is not None:
        future.set_result(outcome.sent)
    elif outcome.error is not None:
        future.set_exception(outcome.error)
    else:
        future.set_exception(QueueClosedError("the queue ended before the message could be sent: it was not sent."))
        quiet = True
    if quiet:
        future._log_traceback = False  # noqa: SLF001  see above


def too_late(place: Place, would_leave_at: float, key: str) -> LimitTimeoutError | DeadlineExceededError:
    """
    Say why a message is not sent: its deadline, or the longest wait it was given.

    *key* is what holds it: that of a limit, as it may be shown, or one of ``WHAT_HOLDS``.
    """
    wait = would_leave_at - place.since
    if place.give_up_at <= place.expires_at:
        max_wait = round(place.give_up_at - place.since, 6)
        return LimitTimeoutError(max(wait, max_wait), max_wait, key)
    span = round(place.expires_at - place.since, 6)
    why = WHAT_HOLDS.get(key, f"it would have waited {max(wait, span):.3g} s for the limit of {key}")
    return DeadlineExceededError(f"the message had to leave within {span:g} s, and could not: it was not sent ({why}).")
